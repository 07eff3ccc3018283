// The soak of scripts/soak, short: many pushes to eight SSH hosts while random things go wrong.
import { afterEach, expect, it } from 'vitest';
import { formatSummary } from '../../scripts/lib/soak/format-summary.ts';
import { runSoak } from '../../scripts/lib/soak/run-soak.ts';
import { cleanUp, makeDirectory } from './support/site.ts';

const seed = Number(process.env.SCAP_SOAK_SEED ?? 20_261);

afterEach(cleanUp);

it(`[I4] [I5] [I13] [B23] [B35] 25 pushes with faults end with equal hosts and nothing left over (seed ${seed})`, {
  timeout: 600_000,
}, async () => {
  const lines: string[] = [];
  const { signal } = new AbortController();
  try {
    const summary = await runSoak({
      directory: makeDirectory(),
      pushes: 25,
      hosts: 8,
      seed,
      signal,
      say: (line) => lines.push(line),
    });
    console.log(formatSummary(summary));
    expect(summary.faults.size).toBeGreaterThan(7);
    expect(summary.lastKib.length).toBeGreaterThan(0);
  } catch (error) {
    throw new Error(`seed ${seed}\n${lines.join('\n')}\n${String(error)}`, { cause: error });
  }
});
