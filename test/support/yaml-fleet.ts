/** A `scap.yaml` in an operator's directory, with local targets below `t/`. */
import { writeFileSync } from 'node:fs';
import type { Operator } from './operator.ts';

export interface FleetShape {
  readonly groups?: readonly {
    readonly name: string;
    readonly hosts: readonly string[];
    readonly failureBudget?: number | string;
  }[];
  readonly hosts: readonly string[];
  /** Hosts whose cache lies below a regular file: nothing can ever be written there. */
  readonly broken?: readonly string[];
  /** More lines of the file, as they stand. */
  readonly more?: string;
}

export function writeFleet(me: Operator, { groups = [], hosts, broken = [], more = '' }: FleetShape): void {
  writeFileSync(me.path('plain-file'), 'no directory\n');
  const host = (name: string) => {
    const base = broken.includes(name) ? `plain-file/${name}` : `t/${name}`;
    return `  ${name}: {cache: ${base}/cache, live: ${base}/live}`;
  };
  const group = ({ name, hosts: members, failureBudget = 0 }: NonNullable<FleetShape['groups']>[number]) =>
    `  - {name: ${name}, hosts: [${members.join(', ')}], failureBudget: ${failureBudget}}`;
  const lines = [
    'staging: staging',
    'state: state',
    ...(more ? [more] : []),
    'hosts:',
    ...hosts.map(host),
    ...(groups.length > 0 ? ['groups:', ...groups.map(group)] : []),
  ];
  writeFileSync(me.path('scap.yaml'), `${lines.join('\n')}\n`);
}
