/** A `scap.yaml` in an operator's directory, with local targets below `t/`. */
import { writeFileSync } from 'node:fs';
import type { Operator } from './operator.ts';

export interface FleetShape {
  readonly groups?: readonly {
    readonly name: string;
    readonly hosts: readonly string[];
    readonly failureBudget?: number | string;
    readonly batch?: number | string;
    readonly soak?: string;
  }[];
  readonly hosts: readonly string[];
  /** Hosts whose cache lies below a regular file: nothing can ever be written there. */
  readonly broken?: readonly string[];
  /** Hosts whose live path has so long a name that the temporary link beside it cannot be made: fetching works, promoting does not. */
  readonly stuck?: readonly string[];
  /** More lines of the file, as they stand. */
  readonly more?: string;
}

export function writeFleet(me: Operator, { groups = [], hosts, broken = [], stuck = [], more = '' }: FleetShape): void {
  writeFileSync(me.path('plain-file'), 'no directory\n');
  const host = (name: string) => {
    const base = broken.includes(name) ? `plain-file/${name}` : `t/${name}`;
    return `  ${name}: {cache: ${base}/cache, live: ${base}/${stuck.includes(name) ? 'l'.repeat(250) : 'live'}}`;
  };
  const group = ({ name, hosts: members, ...rest }: NonNullable<FleetShape['groups']>[number]) => {
    const settings = Object.entries({ failureBudget: 0, ...rest }).map(([key, value]) => `, ${key}: ${value}`);
    return `  - {name: ${name}, hosts: [${members.join(', ')}]${settings.join('')}}`;
  };
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
