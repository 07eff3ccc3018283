/**
 * How an agent is started on a host where nothing is installed: one command line, and, the first time, the agent itself down the same channel.
 *
 * The agent lies in `${XDG_CACHE_HOME:-~/.cache}/scap/agent-<SHA-256>.mjs`. Its bytes are compared with its name at every start, so neither half a
 * file nor another's is ever run; and a directory that is another's is not used: its owner could exchange the file after that.
 */
import { quoteForShell } from '../../core/shell-quote.ts';

export interface AgentStart {
  /** SHA-256 of the agent, in hex. */
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Name or path of Node. */
  readonly node: string;
  readonly cache: string;
  readonly live: string;
  /** Stands in the environment of the agent and of all that it starts, so that they can be found; letters and digits. */
  readonly token: string;
}

/** What the command says before the agent speaks; each on a line of its own, after {@link bootstrapWord}. */
export type BootstrapWord = 'send' | 'start' | 'no-node' | 'old-node' | 'not-own' | 'not-stored';

const bootstrapWord = 'scap-bootstrap';

/** For the shell at the far end. Plain POSIX, without backslashes and single quotes: login shells differ in what they make of those. */
const script = [
  'hash=$1 size=$2 node=$3 cache=$4 live=$5 code=$6 token=$7',
  `say() { echo "${bootstrapWord} $*"; }`,
  'command -v "$node" >/dev/null 2>&1 || { say no-node; exit 0; }',
  'test -n "$XDG_CACHE_HOME" || XDG_CACHE_HOME=$HOME/.cache',
  'dir=$XDG_CACHE_HOME/scap',
  'file=$dir/agent-$hash.mjs',
  'test ! -e "$dir" || test -O "$dir" || { say not-own "$dir"; exit 0; }',
  'fits() { test "$(sha256sum 2>/dev/null < "$1")" = "$hash  -"; }',
  // In a shell of its own: the agent must not run with this umask. The token, as hosts may share a home, and with it process ids.
  'store() { (umask 077; part=$file.part.$token; mkdir -p "$dir" && test -O "$dir" && head -c "$size" > "$part" && fits "$part" && mv -f "$part" "$file" || { rm -f "$part"; false; }); }',
  'test -f "$file" && fits "$file" || { say send; store || { say not-stored "$dir"; exit 0; }; }',
  'export SCAP_AGENT_TOKEN="$token" MALLOC_ARENA_MAX=2',
  'say start',
  'exec "$node" --max-semi-space-size=4 -e "$code" -- "$file" serve --cache "$cache" --live "$live"',
].join('; ');

/** Asks for the version before anything is parsed that an old Node would choke on. */
const code = [
  'const [a,b]=process.versions.node.split(".").map(Number);',
  `if(a<20||a===20&&b<12)console.log("${bootstrapWord} old-node "+process.version);`,
  'else import(require("url").pathToFileURL(process.argv[1]).href)',
].join('');

export function bootstrapCommand({ sha256, sizeBytes, node, cache, live, token }: AgentStart): string {
  const words = ['exec', '/bin/sh', '-c', script, 'scap', sha256, String(sizeBytes), node, cache, live, code, token];
  return quoteForShell(words);
}

/** Says that another program begins, after whatever a login shell has printed; on a line of its own. */
export const besideWord = 'scap-program';

/** Starts another program with the agent's token. */
export function besideCommand(argv: readonly string[], token: string): string {
  const begin = `export SCAP_AGENT_TOKEN="$1"; shift; echo; echo ${besideWord}; exec "$@"`;
  return quoteForShell(['exec', '/bin/sh', '-c', begin, 'scap', token, ...argv]);
}

/**
 * Ends everything that carries the token, hung or not, and whatever process group it is in. Looks again until nothing is left: something may
 * have been started meanwhile.
 */
export function reapCommand(token: string): string {
  const reap = [
    'i=0',
    'while test $i -lt 5 && pids=$(grep -lsa "SCAP_AGENT_TOKEN=$1" /proc/[0-9]*/environ | cut -d/ -f3) && test -n "$pids"; do kill -KILL $pids 2>/dev/null; i=$((i+1)); done',
  ].join('; ');
  return quoteForShell(['exec', '/bin/sh', '-c', reap, 'scap', token]);
}

/** Parses a line; `undefined` for anything that a login shell may print. What it printed without ending the line is passed over. */
export function parseBootstrapLine(
  line: string,
): { readonly word: BootstrapWord; readonly detail: string } | undefined {
  const match = /scap-bootstrap (send|start|no-node|old-node|not-own|not-stored)(?: (.*))?$/.exec(line);
  return match === null ? undefined : { word: match[1] as BootstrapWord, detail: match[2] ?? '' };
}
