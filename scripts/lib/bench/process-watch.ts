import { basename } from 'node:path';
import { readCommandLine } from '../program/agents.ts';
import { type ProcessFacts, readChildren, readProcess } from './proc-files.ts';

/** What a watched process is: the deploy process, an agent, or a program one of them runs (`git`, `tar`). */
export type Role = 'deploy' | 'agent' | `deploy: ${string}` | `agent: ${string}`;

/** Peak resident memory by role, in bytes; of several processes of one role the largest single one. */
export type Peaks = ReadonlyMap<Role, number>;

interface Watched {
  readonly role: Role;
  latest: ProcessFacts;
  isAlive: boolean;
}

const sampleMs = 20;

/**
 * Watches a deploy process and everything it starts by looking into /proc every 20 ms. The kernel keeps the peak of memory
 * itself, so only growth in a process's last 20 ms is missed. Agents stay watched when the deploy process has gone.
 */
export class ProcessWatch {
  readonly #watched = new Map<number, Watched>();
  readonly #timer: NodeJS.Timeout;

  constructor(deployPid: number) {
    this.#add(deployPid, 'deploy');
    this.#timer = setInterval(() => this.#sample(), sampleMs);
  }

  /** Processor seconds of all agents so far, their ended children included. */
  agentCpuSeconds(): number {
    this.#sample();
    const agents = [...this.#watched.values()].filter(({ role }) => role.startsWith('agent'));
    // What an agent has waited for is in its own figure already; its children count only while they live.
    const counted = agents.filter(({ role, isAlive }) => role === 'agent' || isAlive);
    return counted.reduce((sum, { latest }) => sum + latest.cpuSeconds, 0);
  }

  /** Processor seconds so far of what the deploy process starts and does not wait for: agents, and its own work in the background. */
  outlivingCpuSeconds(): number {
    this.#sample();
    const outliving = [...this.#watched.values()].filter(({ role }) => role === 'agent' || role === 'deploy: node');
    return outliving.reduce((sum, { latest }) => sum + latest.cpuSeconds, 0);
  }

  peaks(): Peaks {
    const peaks = new Map<Role, number>();
    for (const { role, latest } of this.#watched.values()) {
      peaks.set(role, Math.max(peaks.get(role) ?? 0, latest.peakBytes));
    }
    return peaks;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    for (const [pid, watched] of this.#watched) {
      if (!watched.isAlive) continue;
      const facts = readProcess(pid);
      if (facts === undefined) {
        watched.isAlive = false;
        continue;
      }
      watched.latest = facts;
      for (const child of readChildren(pid)) this.#adopt(child, pid, watched.role);
    }
  }

  #adopt(pid: number, parent: number, parentRole: Role): void {
    if (this.#watched.has(pid)) return;
    const words = readCommandLine(pid);
    // Between fork and exec a child still is its parent: with its command line, and its memory.
    if (words.length === 0 || words.join('\0') === readCommandLine(parent).join('\0')) return;
    const isAgent = words.some((word) => word.endsWith('/agent.mjs'));
    const name = basename(words[0] ?? '');
    this.#add(pid, isAgent ? 'agent' : `${parentRole.startsWith('agent') ? 'agent' : 'deploy'}: ${name}`);
  }

  #add(pid: number, role: Role): void {
    const facts = readProcess(pid);
    if (facts !== undefined) this.#watched.set(pid, { role, latest: facts, isAlive: true });
  }
}
