// Loaded into the deploy process: its peak memory, in KiB, stands in the file SOAK_MEMORY when it has ended by itself.
// Not from getrusage(2): its ru_maxrss outlives exec, and would tell the size of whoever started the process.
import { readFileSync, writeFileSync } from 'node:fs';

const path = process.env.SOAK_MEMORY;
if (path && process.argv[1]?.endsWith('/scap.mjs')) {
  process.on('exit', () => {
    const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    writeFileSync(path, peak?.[1] ?? 'NaN');
  });
}
