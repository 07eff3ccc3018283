import type { Machine } from '../machine.ts';
import type { Part } from '../report.ts';
import { formatMegabytes, formatSpread, median } from '../statistics.ts';
import type { SimulatedResult } from './measure-simulated.ts';
import type { SimulatedPush } from './simulated-push.ts';

/** Lays out what was measured, in order. */
export function composeSimulatedReport(results: readonly SimulatedResult[], machine: Machine): Part[] {
  const pushes = results.flatMap(({ hostCount, first, oneFile }) => [
    { title: `${formatCount(hostCount)} hosts, first push`, pushes: [first] },
    { title: `${formatCount(hostCount)} hosts, one file`, pushes: oneFile },
  ]);
  return [
    {
      kind: 'text',
      lines: ['scap bench: a deploy host and simulated hosts', `${machine.hardware}; ${machine.software}`],
    },
    {
      kind: 'table',
      title: 'Seconds',
      header: ['push', 'connected', 'fetch', 'config', 'promote', 'requests out within', 'finalize', 'whole'],
      rows: pushes.map(({ title, pushes: measured }) => [title, ...describeTimes(measured)]),
    },
    {
      kind: 'table',
      title: 'What it costs the deploy process',
      header: [
        'push',
        'peak memory',
        'CPU',
        'events',
        'events/s',
        'run log',
        'sockets',
        'promote skew',
        'simulators\u2019 CPU',
      ],
      rows: pushes.map(({ title, pushes: measured }) => [title, ...describeCosts(measured)]),
    },
    { kind: 'text', lines: notes },
  ];
}

const notes = [
  'Median (min–max). The deploy process is a real push, started as bin/scap starts it; simulators run on the same cores.',
  'Hosts speak the real protocol behind the real agent\u2019s loop, but write nothing, and are reached without SSH: encryption, key exchange',
  'and the memory of a channel come on top for real hosts (bench --fleet). Their clocks are this machine\u2019s.',
  'Connected: from the start of the process until every host has been asked. Requests: those to switch, of which each names a moment that',
  'lies 5 ms and 2 ms for each host ahead, at most 1 s: promote cannot be shorter. Memory: VmHWM, the largest of all runs. CPU: with git.',
  'Events: with progress, which the log leaves out; by second, from the first event to the last. Skew: the largest of all runs.',
  'No stock tool stands beside it: rsync, Ansible and Capistrano have nothing to talk to without trees and sshd.',
];

function describeTimes(pushes: readonly SimulatedPush[]): string[] {
  const picks: readonly ((push: SimulatedPush) => number)[] = [
    ({ connected }) => connected,
    ({ fetch }) => fetch,
    ({ config }) => config,
    ({ promote }) => promote,
    ({ promoteSent }) => promoteSent,
    ({ finalize }) => finalize,
    ({ seconds }) => seconds,
  ];
  return picks.map((pick) => formatSpread(pushes.map(pick)));
}

function describeCosts(pushes: readonly SimulatedPush[]): string[] {
  const middle = (pick: (push: SimulatedPush) => number) => median(pushes.map(pick));
  const largest = (pick: (push: SimulatedPush) => number) => Math.max(...pushes.map(pick));
  const skews = pushes.flatMap(({ skewMs }) => skewMs ?? []);
  return [
    formatMegabytes(largest(({ peakBytes }) => peakBytes)),
    formatSpread(pushes.map(({ cpuSeconds }) => cpuSeconds)),
    formatCount(middle(({ events }) => events)),
    formatCount(middle(({ events, span }) => events / Math.max(span, 0.001))),
    formatMegabytes(middle(({ logBytes }) => logBytes)),
    formatCount(largest(({ sockets }) => sockets)),
    skews.length === 0 ? '–' : `${Math.max(...skews).toFixed(1)} ms`,
    formatSpread(pushes.map(({ simulatorCpuSeconds }) => simulatorCpuSeconds)),
  ];
}

function formatCount(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
