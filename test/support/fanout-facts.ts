/** Builders of what the fan-out is decided from. */
import type { HostName } from '../../src/core/host-name.ts';
import {
  type Fanout,
  type FanoutHost,
  type FanoutRules,
  type Source,
  startFanout,
  type Wanting,
} from '../../src/deploy/fanout/fanout.ts';
import type { FanoutStep } from '../../src/deploy/fanout/schedule.ts';
import { hostName } from './deploy-facts.ts';

export const noPlace = { site: undefined, rack: undefined };

export function someRules(rest: Partial<FanoutRules> = {}): FanoutRules {
  return {
    mode: 'pipelined',
    degree: 2,
    egressBlobs: rest.degree ?? 2,
    rescueDegree: rest.degree ?? 2,
    thresholdBytes: 0,
    attempts: 3,
    slowFraction: 0.25,
    ...rest,
  };
}

/** `a`, `b@eqiad`, `c@eqiad/r1`: names with the site and rack they stand in. */
export function place(text: string): Wanting {
  const [name = '', where = ''] = text.split('@');
  const [site, rack] = where.split('/');
  return { name: hostName(name), site: site || undefined, rack };
}

export function manyHosts(count: number): readonly Wanting[] {
  return Array.from({ length: count }, (_, at) => place(`h${at}`));
}

/** A fan-out of 100 bytes to hosts written as for `place`, with what is special about some of them. */
export function aFanout(
  hosts: string,
  special: Readonly<Record<string, Partial<FanoutHost>>> = {},
  rest: Partial<Omit<Fanout, 'hosts'>> = {},
): Fanout {
  const fanout = startFanout({
    blob: { sha256: 'b', sizeBytes: 100 },
    rules: someRules(),
    deployHostPlace: noPlace,
    hosts: hosts.split(' ').filter(Boolean).map(place),
  });
  const changed = [...fanout.hosts].map(([name, host]): [HostName, FanoutHost] => {
    const changes = special[name] ?? {};
    const status = changes.from === undefined ? host.status : 'receiving';
    return [name, { ...host, status, ...(changes.status === 'whole' && { offset: 100 }), ...changes }];
  });
  return { ...fanout, hosts: new Map(changed), ...rest };
}

export const whole: Partial<FanoutHost> = { status: 'whole' };

export function receiving(from: string, offset: number, rate?: number): Partial<FanoutHost> {
  return { from: (from === 'D' ? 'deploy host' : from) as Source, offset, rate };
}

/** `D>a a>b:30 -c<d(slow) !e`: copies that begin (and where), copies that are dropped (and why), targets given up. */
export function formatStep({ assign, drop, giveUp }: FanoutStep): string {
  const short = (source: Source) => (source === 'deploy host' ? 'D' : source);
  return [
    ...giveUp.map((name) => `!${name}`),
    ...drop.map(({ to, from, why }) => `-${to}<${short(from)}(${why})`),
    ...assign.map(({ to, from, offset }) => `${short(from)}>${to}${offset === 0 ? '' : `:${offset}`}`),
  ].join(' ');
}
