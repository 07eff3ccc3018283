import { runAsyncScript } from './program/async-script.ts';
import { inWorkDirectory } from './program/work-directory.ts';
import { formatSummary } from './soak/format-summary.ts';
import { parseSoak, USAGE } from './soak/parse-arguments.ts';
import { runSoak } from './soak/run-soak.ts';

await runAsyncScript('soak', async (signal) => {
  process.umask(0o022);
  const request = parseSoak(process.argv.slice(2));
  if (request === undefined) {
    process.stdout.write(USAGE);
    return;
  }
  await inWorkDirectory({ prefix: 'scap-soak-', ...request }, async (directory) => {
    const say = (line: string) => void process.stdout.write(`${line}\n`);
    say(`seed ${request.seed}: ${request.pushes} pushes to ${request.hosts} SSH hosts`);
    const summary = await runSoak({ ...request, directory, signal, say });
    process.stdout.write(formatSummary(summary));
  });
});
