// Stands in for the agent. The last part of the live path says how it behaves.
import { spawn } from 'node:child_process';

const live = process.argv[process.argv.indexOf('--live') + 1] ?? '';
const behaviour = live.split('/').at(-1);
const hello = {
  type: 'hello',
  protocol: behaviour === 'old' ? 99 : 1,
  pid: process.pid,
  versions: { node: process.version, git: '2.0' },
};
/** @param {unknown} message */
const line = (message) => `${JSON.stringify(message)}\n`;

/**
 * Writes byte by byte, so that the reader sees lines and characters cut anywhere.
 *
 * @param {string} text
 */
async function splitting(text) {
  for (const byte of Buffer.from(text)) {
    process.stdout.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const noise = 'Welcome to mw1!\n\n{"type":"nonsense"}\n{not json\n[1,2]\n';
/** @param {string} text */
const write = (text) => {
  if (behaviour === 'splitting') void splitting(text);
  else if (behaviour === 'noisy') process.stdout.write(`${noise}${text}PHP Warning: something\n`);
  else process.stdout.write(text);
};

if (behaviour === 'ending') process.exit(0);
if (behaviour !== 'silent') write(line(hello));

const waiting = new Map();
/** @type {Record<string, (message: any) => unknown>} */
const verbs = {
  echo: ({ id, params }) => write(line({ type: 'reply', id, ok: true, value: params })),
  notify: ({ id, params }) => {
    for (let done = 1; done <= params.count; done++) {
      write(
        line({
          type: 'notice',
          id,
          notice: { kind: 'progress', step: 'fake', unit: 'files', done, total: params.count },
        }),
      );
    }
    write(line({ type: 'reply', id, ok: true, value: 'told' }));
  },
  wait: ({ id }) => waiting.set(id, true),
  die: () => process.exit(3),
  'die-later': ({ id }) => {
    write(line({ type: 'reply', id, ok: true, value: null }));
    setTimeout(() => process.exit(0), 20);
  },
  child: ({ id }) => {
    spawn('sh', ['-c', `exec sleep 600 # ${live}`, live], { stdio: 'ignore' }).unref();
    spawn(process.execPath, ['-e', 'setTimeout(() => {}, 600000)', live], { stdio: 'ignore' }).once('spawn', () =>
      write(line({ type: 'reply', id, ok: true, value: null })),
    );
  },
  'no-error': ({ id }) => write(line({ type: 'reply', id, ok: false })),
  'text-error': ({ id }) => write(line({ type: 'reply', id, ok: false, error: 'broken' })),
  'stray-reply': ({ id }) =>
    write(line({ type: 'reply', id: 4711, ok: true, value: 1 }) + line({ type: 'reply', id, ok: true, value: 1 })),
  'second-hello': ({ id }) => write(line(hello) + line({ type: 'reply', id, ok: true, value: 1 })),
  'new-error': ({ id }) =>
    write(
      line({
        type: 'reply',
        id,
        ok: false,
        error: { code: 'not_invented_yet', message: 'Cannot do what you do not know' },
      }),
    ),
  endless: () => {
    for (let i = 0; i < 6; i++) process.stdout.write('x'.repeat(1024 * 1024));
  },
  'swallow-and-die': () => setTimeout(() => process.exit(1), 50),
};

let pending = '';
process.stdin.on('data', (chunk) => {
  pending += chunk.toString();
  const lines = pending.split('\n');
  pending = lines.pop() ?? '';
  for (const text of lines) {
    if (!text.startsWith('{')) continue;
    const message = JSON.parse(text);
    if (message.type === 'cancel' && waiting.delete(message.id)) {
      write(
        line({ type: 'reply', id: message.id, ok: false, error: { code: 'interrupted', message: 'stopped as asked' } }),
      );
    }
    if (message.type === 'request') verbs[message.verb]?.(message);
  }
});
process.stdin.on('end', () => process.exit(0));
