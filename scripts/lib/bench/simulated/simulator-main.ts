// Hosts simulated agents on one socket, each behind the real agent's loop, until the process that started it lets it go.
//   simulator-main.ts SOCKET PACE, which is JSON
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { serveAgent } from '../../../../src/target/agent.ts';
import { createDistance } from './distant.ts';
import { type Pace, SimulatedSession } from './simulated-session.ts';
import { SimulatedTarget } from './simulated-target.ts';

/** What a simulator tells of the time since it was asked last. */
export interface SimulatorReport {
  /** The most connections that were open at once. */
  readonly peakConnections: number;
  /** Notices that were sent. */
  readonly notices: number;
}

const [path = '', paceText = ''] = process.argv.slice(2);
const pace = JSON.parse(paceText) as Pace;
const versions = { node: process.versions.node, git: '2.39.5' };
const targets = new Map<string, SimulatedTarget>();
let open = 0;
let report = { peakConnections: 0, notices: 0 };

/** The first line names the host, as the command line that starts a real agent does. */
async function serve(socket: Socket): Promise<void> {
  report.peakConnections = Math.max(report.peakConnections, ++open);
  socket.on('error', () => {});
  socket.once('close', () => open--);
  const [first] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  const end = first.indexOf(0x0a);
  const host = first.subarray(0, end).toString();
  if (end + 1 < first.length) socket.unshift(first.subarray(end + 1));
  const target = targets.get(host) ?? new SimulatedTarget();
  targets.set(host, target);
  const session = countNotices(new SimulatedSession(target, pace));
  const served = serveAgent(session, { ...createStreams(socket), versions });
  socket.resume();
  await served;
}

function createStreams(socket: Socket): { readonly stdin: Readable; readonly stdout: Writable } {
  const { roundTripMs } = pace;
  if (roundTripMs === 0) return { stdin: socket, stdout: socket };
  const back = createDistance(roundTripMs / 2);
  back.pipe(socket);
  return { stdin: socket.pipe(createDistance(roundTripMs / 2)), stdout: back };
}

function countNotices(session: SimulatedSession): SimulatedSession {
  const call = session.call.bind(session);
  session.call = (verb, about) =>
    call(verb, {
      ...about,
      notify: (notice) => {
        report.notices++;
        about.notify(notice);
      },
    });
  return session;
}

const server = createServer((socket) => void serve(socket).catch(() => socket.destroy()));
process.on('message', () => {
  process.send?.(report satisfies SimulatorReport);
  report = { peakConnections: open, notices: 0 };
});
// Whoever started it is gone.
process.on('disconnect', () => process.exit());
server.listen({ path, backlog: 4096 }, () => process.send?.('ready'));
