// Loaded into the deploy process: its peak memory, in KiB, stands in the file SOAK_MEMORY when it has ended by itself.
import { writeFileSync } from 'node:fs';

const path = process.env.SOAK_MEMORY;
if (path && process.argv[1]?.endsWith('/scap.mjs')) {
  process.on('exit', () => writeFileSync(path, String(process.resourceUsage().maxRSS)));
}
