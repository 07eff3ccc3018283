/** Where a simulator listens: a name below the directory that the simulators and the deploy process run in, because socket paths are short. */
export function socketName(simulator: number): string {
  return `simulator-${simulator}.sock`;
}

/** Which of `count` simulators a host belongs to: by the number in its name, the same one every time. */
export function simulatorOf(host: string, count: number): number {
  return Number(/\d+$/.exec(host)?.[0] ?? 0) % count;
}
