import { defineConfig } from 'vitest/config';

interface ProjectOptions {
  readonly timeoutMs: number;
  readonly serial?: boolean;
  /** Default: the folder of the project's name. */
  readonly include?: readonly string[];
  readonly exclude?: readonly string[];
}

/** What is about deadlines, full disks and readers at full speed has the machine to itself; the other faults run two files at a time. */
const aloneFaults = ['hung-agent', 'swap-reader', 'disk-full', 'controller-loss', 'two-pushes'].map(
  (name) => `test/faults/${name}.test.ts`,
);

// Projects of one group would share the two workers; each gets its own group, so they run one after the other.
const project = (name: string, order: number, options: ProjectOptions) => ({
  extends: true as const,
  test: {
    name,
    include: [...(options.include ?? [`test/${name}/**/*.test.ts`])],
    exclude: [...(options.exclude ?? [])],
    testTimeout: options.timeoutMs,
    hookTimeout: options.timeoutMs,
    sequence: { groupOrder: order },
    ...(name === 'unit' ? {} : { globalSetup: ['test/support/require-dist.ts'] }),
    ...(options.serial ? { fileParallelism: false } : {}),
  },
});

export default defineConfig({
  // Node 20 has no syntax for "using".
  oxc: { target: 'node20' },
  test: {
    environment: 'node',
    pool: 'forks',
    maxWorkers: 2,
    projects: [
      project('unit', 0, { timeoutMs: 10_000 }),
      project('contract', 1, { timeoutMs: 60_000 }),
      project('integration', 2, { timeoutMs: 60_000 }),
      project('e2e', 3, { timeoutMs: 60_000 }),
      project('faults', 4, { timeoutMs: 180_000, exclude: aloneFaults }),
      project('lone-faults', 5, { timeoutMs: 180_000, serial: true, include: aloneFaults }),
    ],
  },
});
