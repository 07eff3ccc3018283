import { fileURLToPath } from 'node:url';
import { exitStatus } from '../core/errors.ts';
import { runProgram } from './program.ts';

// A reader that left (`scap push --events | head`), or a full disk, must not end a run half-way; Node would throw.
process.stderr.on('error', () => {});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') notWritten ??= error;
});
let notWritten: Error | undefined;
process.once('exit', (status) => {
  if (notWritten === undefined) return;
  // Whoever reads that file must not take it for all there was to say.
  process.stderr.write(`error: Cannot write the result to standard output: ${notWritten.message}\n`);
  process.exitCode = status || exitStatus.partial;
});

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
