/**
 * A "remote shell" for programs that insist on starting one (`rsync -e`): a few lines of Node that connect the program with this process, which
 * has a better way to start programs elsewhere. No shell is involved at either end.
 *
 * They find this process at descriptor 3, which the program has inherited from it (see `channel` of `system/process`) and passes on.
 */
import type { Duplex } from 'node:stream';

/**
 * Says what is to be started, in JSON on a line, and is a pipe from then on. rsync ends what it has started with SIGUSR1, on which Node would open its
 * debugger to every user of the machine; before this code runs, it could only try to on an address that no machine has (RFC 5737).
 */
const code = [
  'process.on("SIGUSR1",()=>process.exit(255));',
  'const s=new(require("net").Socket)({fd:3});',
  's.on("error",()=>process.exit(255));',
  's.write(JSON.stringify(process.argv.slice(1))+"\\n");',
  'process.stdin.pipe(s);s.pipe(process.stdout)',
].join('');
const maxLineBytes = 64 * 1024;

/** What the program is told to start, before the host and what that is to do. */
export const remoteShellArgv = [process.execPath, '--inspect-port=192.0.2.1:1024', '-e', code, '--'] as const;

/** The same for `-e`, in the quotes that rsync(1) understands. */
export function remoteShellCommand(): string {
  return remoteShellArgv.map(quote).join(' ');
}

/**
 * Returns what the program wants to start: the host it named first, then the arguments; `undefined` when it does not say. What follows on `channel` are
 * the streams of what is started.
 */
export function readRemoteCommand(channel: Duplex): Promise<readonly string[] | undefined> {
  let read = Buffer.alloc(0);
  return new Promise((resolve) => {
    const settle = (argv: readonly string[] | undefined) => {
      channel.off('readable', take);
      channel.off('close', none);
      resolve(argv);
    };
    const none = () => settle(undefined);
    const take = () => {
      for (let chunk = channel.read(); chunk !== null; chunk = channel.read()) read = Buffer.concat([read, chunk]);
      const end = read.indexOf(0x0a);
      if (end < 0 && read.length < maxLineBytes) return;
      if (end < 0) return none();
      if (end + 1 < read.length) channel.unshift(read.subarray(end + 1));
      settle(parseArgv(read.toString('utf8', 0, end)));
    };
    channel.on('readable', take);
    channel.once('close', none);
  });
}

/** Single quotes, doubled where one is meant: rsync takes backslashes for what they are. */
function quote(word: string): string {
  return `'${word.replaceAll("'", "''")}'`;
}

function parseArgv(line: string): readonly string[] | undefined {
  try {
    const argv: unknown = JSON.parse(line);
    return Array.isArray(argv) && argv.every((word) => typeof word === 'string') ? argv : undefined;
  } catch {
    return undefined;
  }
}
