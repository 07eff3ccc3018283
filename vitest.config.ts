import { defineConfig } from 'vitest/config';

interface ProjectOptions {
  readonly timeoutMs: number;
  readonly serial?: boolean;
}

// Projects of one group would share the two workers; each gets its own group, so they run one after the other.
const project = (name: string, order: number, { timeoutMs, serial = false }: ProjectOptions) => ({
  extends: true as const,
  test: {
    name,
    include: [`test/${name}/**/*.test.ts`],
    testTimeout: timeoutMs,
    hookTimeout: timeoutMs,
    sequence: { groupOrder: order },
    ...(name === 'unit' ? {} : { globalSetup: ['test/support/require-dist.ts'] }),
    ...(serial ? { fileParallelism: false } : {}),
  },
});

export default defineConfig({
  // Node 20 has no syntax for "using".
  oxc: { target: 'node20' },
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      project('unit', 0, { timeoutMs: 10_000 }),
      project('contract', 1, { timeoutMs: 60_000 }),
      project('integration', 2, { timeoutMs: 60_000 }),
      project('e2e', 3, { timeoutMs: 60_000 }),
      project('faults', 4, { timeoutMs: 180_000, serial: true }),
    ],
  },
});
