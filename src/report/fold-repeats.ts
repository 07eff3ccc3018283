/** Folds what many hosts say alike into one line: `37 hosts: fetch failed: Permission denied (mw[1001:1037])`. */
import { type ErrorReport, unusableState } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import type { ScapEvent } from '../events/event.ts';
import { describeEvent, errorText, type Level, type Line } from './describe-event.ts';
import { formatHosts } from './host-list.ts';
import { toOneLine } from './plain-text.ts';
import { countOf } from './wording.ts';

const shownHosts = 8;

/** What one host said, without its name: hosts that say the same have the same text. */
export interface Remark {
  readonly host: HostName;
  readonly level: Level;
  readonly text: string;
}

/** Returns what an event says about one host that others may say too; `undefined` for everything else. */
export function toRemark(event: ScapEvent): Remark | undefined {
  if (!('host' in event) || event.host === null) return undefined;
  const { host } = event;
  const say = (level: Level, text: string): Remark => ({ host, level, text: withoutHost(text, host) });
  const fail = (what: string, error: ErrorReport) =>
    say('error', `${what}: ${commonText(errorText(error), host, error)}`);
  switch (event.type) {
    case 'host.unreachable':
      return fail(unusableState(event.error.code), event.error);
    case 'task.failed':
      return fail(`${event.stage} failed`, event.error);
    case 'host.noted':
      return say('warn', toOneLine(event.message));
    case 'host.spoke':
      return say('info', `says "${toOneLine(event.text)}"`);
    default:
      return undefined;
  }
}

/** Replaces a host's name where it stands as a word. */
export function withoutHost(text: string, host: string): string {
  return withoutWord(text, host, 'HOST');
}

/** Replaces everything in a sentence about an error that is each host's own: name, address, fingerprint of its key. */
export function commonText(text: string, host: string, { data }: ErrorReport): string {
  let common = withoutHost(text, host);
  for (const [fact, word] of ownFacts) {
    const value = data?.[fact];
    if (typeof value === 'string' && value !== '') common = withoutWord(common, value, word);
  }
  return common;
}

const ownFacts = [
  ['address', 'ADDRESS'],
  ['fingerprint', 'FINGERPRINT'],
] as const;

function withoutWord(text: string, value: string, word: string): string {
  const literal = value.replace(/[^\w:-]/g, '\\$&');
  return text.replace(new RegExp(`(?<![\\w.-])${literal}(?![\\w-]|\\.\\w)`, 'g'), word);
}

interface Group {
  readonly level: Level;
  readonly text: string;
  readonly hosts: Set<HostName>;
  readonly first: Line;
  readonly told: boolean;
}

export interface RepeatFold {
  /** Takes the event in when it is a remark. Returns its own line when `tellFirst` and nobody has said that before. */
  add(event: ScapEvent, tellFirst: boolean): Line | undefined;
  /** Everything since the last drain, the commonest first; nothing that was told and did not repeat. */
  drain(): Line[];
}

export function createRepeatFold(): RepeatFold {
  const groups = new Map<string, Group>();
  return {
    add: (event, tellFirst) => {
      const remark = toRemark(event);
      const line = describeEvent(event);
      if (remark === undefined || line === undefined) return undefined;
      const known = groups.get(remark.text);
      known?.hosts.add(remark.host);
      if (known !== undefined) return undefined;
      const { level, text } = remark;
      groups.set(text, { level, text, hosts: new Set([remark.host]), first: line, told: tellFirst });
      return tellFirst ? line : undefined;
    },
    drain: () => {
      const found = [...groups.values()].sort((a, b) => b.hosts.size - a.hosts.size);
      groups.clear();
      return found.flatMap(toLine);
    },
  };
}

function toLine({ level, text, hosts, first, told }: Group): Line[] {
  if (hosts.size === 1) return told ? [] : [first];
  return [{ level, text: `${countOf(hosts.size, 'host')}: ${text} (${formatHosts([...hosts], shownHosts)})` }];
}
