import { type ExitStatus, exitStatus } from '../../core/errors.ts';
import { liftHold, placeHold, readHold } from '../../deploy/deploy-host.ts';
import { toOneLine } from '../../report/plain-text.ts';
import { probeLock } from '../../system/file-lock.ts';
import type { Io } from '../io.ts';
import { type CommonOptions, runSession } from '../session.ts';

/** `scap hold -m WHY` */
export function runHold(io: Io, options: CommonOptions & { readonly message: string }): Promise<ExitStatus> {
  return runSession(io, options, async ({ host }) => {
    const hold = placeHold(host, options.message);
    return { status: exitStatus.ok, json: { ok: true, hold }, text: 'Nothing will be deployed until: scap unlock' };
  });
}

/** `scap unlock` */
export function runUnlock(io: Io, options: CommonOptions): Promise<ExitStatus> {
  return runSession(io, options, async ({ host }) => {
    const hold = liftHold(host);
    const text = hold ? `Lifted the hold of ${hold.user} on ${hold.host} (${hold.reason})` : 'There was no hold';
    return { status: exitStatus.ok, json: { ok: true, lifted: hold ?? null }, text: toOneLine(text) };
  });
}

/** `scap lock`: who is at work, who forbids it. */
export function runLock(io: Io, options: CommonOptions): Promise<ExitStatus> {
  return runSession(io, options, async ({ host }) => {
    const running = probeLock(host.layout.lock);
    const hold = readHold(host.layout);
    const lines = [
      running
        ? `Running: ${running.user} on ${running.host} (pid ${running.pid}) since ${running.since}: ${running.reason}`
        : 'No run is in progress',
      hold ? `Hold: ${hold.user} on ${hold.host} since ${hold.since}: ${hold.reason}` : 'No hold is placed',
    ];
    return {
      status: exitStatus.ok,
      json: { ok: true, running: running ?? null, hold: hold ?? null },
      text: lines.map(toOneLine).join('\n'),
    };
  });
}
