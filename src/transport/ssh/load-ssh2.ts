export type Ssh2 = typeof import('ssh2');

/** Loads ssh2 on first use: importing it costs 40 ms, and a fleet on this machine needs none of it. */
export async function loadSsh2(): Promise<Ssh2> {
  return (await import('ssh2')).default as Ssh2;
}
