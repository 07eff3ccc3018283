/**
 * A plan: the data that a run executes. Generators make plans, people may edit them, the executor is the only thing that runs them.
 */
import * as z from 'zod';
import { ScapError } from '../core/errors.ts';
import { type HostName, parseHostName } from '../core/host-name.ts';
import { isSha, type Sha } from '../core/sha.ts';

export const planVersion = 1;

/** One step. `command` is a verb of the command registry; what else stands in it are that command's arguments. */
export interface Task {
  /** Unique within the plan; events and `--resume` name it. */
  readonly id: string;
  readonly command: string;
  /** Absent for work on the deploy host. */
  readonly host?: HostName | undefined;
  readonly [argument: string]: unknown;
}

export interface PlanStage {
  readonly name: string;
  /** How many tasks run at once. */
  readonly concurrency: number;
  /** How many of them for one host. */
  readonly concurrencyPerHost: number;
  /** How many hosts may fail before the stage does; of a group, in all of its stages together. */
  readonly failureBudget: number;
  /** The group whose promotion the stage is part of: stages of one group count their lost hosts together. */
  readonly group?: string | undefined;
  /** How long to wait after the stage before more is promoted, in milliseconds. */
  readonly soakMs?: number | undefined;
  /** A task, or a chain of tasks that run in order. */
  readonly tasks: readonly (Task | readonly Task[])[];
}

export interface Plan {
  readonly version: typeof planVersion;
  readonly id: string;
  /** The generator: `push`, `sync-file`, `rollback` … */
  readonly kind: string;
  /** What will be live. */
  readonly revision: Sha;
  /** What was live when the plan was made; a run refuses when it no longer is. */
  readonly base: Sha | null;
  readonly message: string;
  /** ISO 8601, UTC. */
  readonly createdAt: string;
  readonly stages: readonly PlanStage[];
  /** Hosts of the inventory that need nothing, and why. */
  readonly unchanged: readonly HostName[];
  /** Hosts of the inventory that are left out on purpose; a run does not even connect to them. Default: none. */
  readonly skipped?: readonly HostName[] | undefined;
}

/** The longest time a timer of Node can wait. */
const maxTimerMs = 2 ** 31 - 1;

const sha = z.custom<Sha>(isSha, 'expected 40 hex digits');
const hostName = z.custom<HostName>(
  (text) => typeof text === 'string' && parseHostName(text) !== undefined,
  'expected a host name',
);
const task = z.looseObject({ id: z.string().min(1), command: z.string().min(1), host: hostName.optional() });

const planSchema = z.strictObject({
  version: z.literal(planVersion),
  id: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  kind: z.string().min(1),
  revision: sha,
  base: sha.nullable(),
  message: z.string(),
  createdAt: z.iso.datetime(),
  stages: z.array(
    z.strictObject({
      name: z.string().min(1),
      concurrency: z.int().min(1),
      concurrencyPerHost: z.int().min(1),
      failureBudget: z.int().min(0),
      group: z.string().min(1).optional(),
      soakMs: z.int().min(0).max(maxTimerMs).optional(),
      tasks: z.array(z.union([task, z.array(task).min(1)])),
    }),
  ),
  unchanged: z.array(hostName),
  skipped: z.array(hostName).optional(),
});

/** Parses a plan file. Throws `plan_invalid` naming every problem; commands check their own arguments later. */
export function parsePlan(text: string, source: string): Plan {
  const problems = (found: readonly string[]) =>
    new ScapError('plan_invalid', `Cannot use the plan "${source}": ${found.join('; ')}`, {
      hint: 'Make a new one with: scap plan push --save FILE',
      data: { problems: found },
    });
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw problems([`not JSON: ${(cause as Error).message}`]);
  }
  const parsed = planSchema.safeParse(json);
  if (!parsed.success)
    throw problems(parsed.error.issues.map((issue) => `${issue.path.join('.') || 'plan'}: ${issue.message}`));
  const plan = parsed.data as Plan;
  const seen = new Set<string>();
  const repeated = allTasks(plan).flatMap(({ id }) => {
    if (seen.has(id)) return [`task id "${id}" is used twice`];
    seen.add(id);
    return [];
  });
  const skipped = new Set(plan.skipped);
  const torn = planHosts(plan).flatMap((host) => (skipped.has(host) ? [`${host} has tasks and is in "skipped"`] : []));
  const unequal = plan.stages
    .filter(({ group, failureBudget }, at, stages) => {
      const first = group === undefined ? undefined : stages.findIndex((stage) => stage.group === group);
      return first !== undefined && first < at && stages[first]?.failureBudget !== failureBudget;
    })
    .map(({ name, group }) => `stage "${name}": failureBudget differs from an earlier stage of group "${group}"`);
  const strange = allTasks(plan)
    .filter(({ revision }) => isSha(revision) && revision !== plan.revision)
    .map(({ id }) => `task "${id}": its revision is not the plan's`);
  const found = [...repeated, ...torn, ...unequal, ...strange];
  if (found.length > 0) throw problems(found);
  return plan;
}

/** Serialises a plan for a file that people read and edit. */
export function formatPlan(plan: Plan): string {
  return `${JSON.stringify(plan, null, 2)}\n`;
}

/** Every task of a plan in order, chains flattened. */
export function allTasks(plan: Plan): Task[] {
  return plan.stages.flatMap((stage) => stage.tasks.flat() as Task[]);
}

/** The hosts a plan touches, in order of first appearance. */
export function planHosts(plan: Plan): HostName[] {
  return [...new Set(allTasks(plan).flatMap(({ host }) => (host === undefined ? [] : [host])))];
}
