import { fileURLToPath } from 'node:url';
import { runProgram } from './program.ts';

// A reader that left (`scap push --events | head`) must not end a run half-way; Node would throw.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

// What other operators must read, and targets serve, does not depend on one operator's umask.
process.umask(0o022);

process.exitCode = await runProgram(process.argv.slice(2), {
  // Opened only by whoever asks something.
  get stdin() {
    return process.stdin;
  },
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  programPath: process.argv[1],
  // Beside this file once bundled: scripts/build puts both into dist/.
  agentPath: fileURLToPath(new URL('./agent.mjs', import.meta.url)),
});
