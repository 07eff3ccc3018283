// @ts-nocheck: what it patches has no types worth writing down.
// Makes a scap process fail at a chosen point. Loaded with NODE_OPTIONS='--import=file:///…/crash-preload.mjs?role=agent&host=web2&call=37'.
//
// Every call that changes the file system, and every start of a process, is numbered. Query parameters:
//   role    agent | deploy: which process this is about; host: which agent (its cache path has /HOST/ in it)
//   action  kill (default) | stop | interrupt (SIGINT) | delay | fail | hold (until the file `until` is there, a minute at most)
//   when    before (default) | after
//   call    the number of the call, or: op + match (+ nth, first = 1; + times, default 1, 0 = for ever): a call by its name and what it is given
//   ms      how long to delay; code: errno to fail with
//   trace   a file that gets one line per call when the process ends; nothing is done to it then
//   once    a file that is created when the point is reached; when it is there already nothing happens
//   mark    a file that is created when the point is reached
import childProcess from 'node:child_process';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const real = { ...fs };
const query = new URL(import.meta.url).searchParams;
const asked = Object.fromEntries(query);

if (isMeant()) {
  const calls = [];
  let matched = 0;
  const names = [
    ...[
      'writeSync',
      'renameSync',
      'linkSync',
      'symlinkSync',
      'mkdirSync',
      'unlinkSync',
      'rmSync',
      'rmdirSync',
      'fsyncSync',
    ],
    ...[
      'futimesSync',
      'lutimesSync',
      'utimesSync',
      'chmodSync',
      'fchmodSync',
      'ftruncateSync',
      'writeFileSync',
      'appendFileSync',
    ],
  ];
  for (const name of names) wrap(fs, name, (args) => args.slice(0, 2).filter(isPathLike).map(String).join(' '));
  wrap(fs, 'openSync', (args) => (isWriting(args[1]) ? String(args[0]) : undefined));
  wrap(childProcess, 'spawn', (args) => [args[0], ...(Array.isArray(args[1]) ? args[1] : [])].join(' '));
  syncBuiltinESMExports();
  if (asked.trace) process.on('exit', () => real.appendFileSync(asked.trace, `${calls.join('\n')}\n`));

  function wrap(module, name, describe) {
    const original = module[name];
    module[name] = function wrapped(...args) {
      const what = describe(args);
      if (what === undefined) return original.apply(this, args);
      calls.push(`${name} ${what.replaceAll('\n', ' ').slice(0, 400)}`);
      if (asked.trace || !isReached(name, what)) return original.apply(this, args);
      if (asked.when !== 'after') act(name, what);
      const result = original.apply(this, args);
      if (asked.when === 'after') act(name, what);
      return result;
    };
  }

  function isReached(name, what) {
    if (asked.call) return calls.length === Number(asked.call);
    if (asked.op !== name || (asked.match && !new RegExp(asked.match).test(what))) return false;
    matched++;
    const nth = Number(asked.nth ?? 1);
    const times = Number(asked.times ?? 1);
    return matched >= nth && (times === 0 || matched < nth + times);
  }
}

function act(name, what) {
  if (asked.once) {
    try {
      real.closeSync(real.openSync(asked.once, 'wx'));
    } catch {
      return;
    }
  }
  if (asked.mark) real.writeFileSync(asked.mark, `${process.pid} ${name} ${what}\n`);
  switch (asked.action) {
    case 'delay':
      block(Number(asked.ms));
      return;
    case 'hold':
      for (let waited = 0; waited < 60_000 && !real.existsSync(asked.until); waited += 20) block(20);
      return;
    case 'stop':
      process.kill(process.pid, 'SIGSTOP');
      return;
    case 'interrupt':
      process.kill(process.pid, 'SIGINT');
      return;
    case 'fail':
      throw Object.assign(new Error(`${asked.code}: injected, ${name} '${what}'`), {
        code: asked.code,
        syscall: name.replace(/Sync$/, ''),
        path: what,
      });
    default:
      process.kill(process.pid, 'SIGKILL');
  }
}

function block(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function isMeant() {
  const [, script = '', ...args] = process.argv;
  if (asked.role === 'deploy') return script.endsWith('/scap.mjs');
  // Over SSH its hash stands in its name.
  return (
    /\/agent(-[0-9a-f]{64})?\.mjs$/.test(script) && args.some((arg) => !asked.host || arg.includes(`/${asked.host}/`))
  );
}

function isPathLike(value) {
  return typeof value === 'string' || Buffer.isBuffer(value);
}

function isWriting(flags) {
  return typeof flags === 'number'
    ? (flags & (fs.constants.O_WRONLY | fs.constants.O_RDWR)) !== 0
    : /[wa+]/.test(String(flags ?? 'r'));
}
