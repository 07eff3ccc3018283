// scap itself, with the program's own command line, but for the way to its hosts: what the configuration reaches over SSH is simulated.
//   deploy-main.ts SIMULATORS COMMAND…
import { runProgram } from '../../../../src/cli/program.ts';
import { createSimulatedTransport } from './simulated-transport.ts';

const [simulators = '1', ...argv] = process.argv.slice(2);

process.umask(0o022);
process.exitCode = await runProgram(argv, {
  stdout: process.stdout,
  stderr: process.stderr,
  env: process.env,
  cwd: process.cwd(),
  agentPath: '',
  transports: new Map([['ssh', createSimulatedTransport(Number(simulators))]]),
});
