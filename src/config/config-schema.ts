/** The shape of `scap.yaml`: every key there is, with its default. Anything else is an unknown key. */
import * as z from 'zod';
import { nearestWord } from '../core/nearest-word.ts';
import {
  batch,
  bytes,
  count,
  describeValue,
  failureBudget,
  graceTime,
  groupName,
  onControllerLoss,
  type PathBase,
  path,
  paths,
  port,
  portRange,
  ratio,
  soak,
  text,
  timeout,
  transport,
} from './config-values.ts';
import { address, nodeProgram, proxyJump, sshConfigFile, userName } from './ssh-values.ts';

export type ConfigInput = z.output<ReturnType<typeof createConfigSchema>>;

/** Where the deploy host keeps its own data unless told otherwise. */
export const defaultState = '/srv/scap';

/** `stagingRequired` is false only for the embedded default. */
export function createConfigSchema(base: PathBase, { stagingRequired }: { readonly stagingRequired: boolean }) {
  const target = section({
    transport: transport.default('local'),
    user: userName.optional(),
    port: port.optional(),
    cache: path(base).prefault('/srv/mediawiki-cache'),
    live: path(base).prefault('/srv/mediawiki'),
    keepRevisions: count(2).default(5),
    graceTime: graceTime.prefault('10m'),
    onControllerLoss: onControllerLoss.default('keep'),
  });
  const host = section({
    transport: transport.optional(),
    address: address.optional(),
    user: userName.optional(),
    port: port.optional(),
    cache: path(base).optional(),
    live: path(base).optional(),
    labels: emptyAllowed(table(text('text'), labelKey)).prefault({}),
    keepRevisions: count(2).optional(),
    graceTime: graceTime.optional(),
    onControllerLoss: onControllerLoss.optional(),
  });
  const group = section({
    name: groupName,
    hosts: list(text('a host, a pattern or a label=value')).min(1, { error: 'expected at least one host or pattern' }),
    failureBudget: failureBudget.prefault(0),
    batch: batch.optional(),
    soak: soak.prefault('0s'),
    concurrency: count(1).optional(),
  });
  return section({
    staging: stagingRequired ? path(base) : path(base).optional(),
    state: path(base).prefault(defaultState),
    exclude: emptyAllowed(list(text('a pattern')), []).prefault([]),
    maxShrink: ratio.prefault('20%'),
    keepDeploys: count(2).default(50),
    target: target.prefault({}),
    ssh: section({
      configFile: sshConfigFile(base).optional(),
      identityFile: paths(base).prefault([]),
      knownHosts: paths(base).prefault([]),
      connectTimeout: timeout.prefault('10s'),
      maxStarts: count(1).default(30),
      maxSessions: count(1).default(200),
      keepAlive: timeout.prefault('5s'),
      proxyJump: proxyJump.optional(),
      node: nodeProgram.optional(),
    }).prefault({}),
    fanout: section({
      degree: count(1, 64).default(4),
      threshold: bytes.prefault('8MiB'),
      ports: portRange.prefault('8730-8790'),
      bwlimit: bytes.prefault(0),
      carrier: z.enum(['relay', 'rsync']).default('relay'),
    }).prefault({}),
    timeouts: section({
      fetch: timeout.prefault('10m'),
      promote: timeout.prefault('30s'),
      finalize: timeout.prefault('10m'),
      connect: timeout.prefault('10s'),
    }).prefault({}),
    hosts: emptyAllowed(table(host))
      .refine((hosts) => Object.keys(hosts).length > 0, 'expected at least one host')
      .prefault({}),
    groups: emptyAllowed(list(group), []).prefault([]),
  });
}

const labelKey = z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9._/-]*$/);

/** Keys and values with known keys; written without any value (`target:`) it is empty. An unknown key gets a line of the message. */
function section<Shape extends z.core.$ZodLooseShape>(shape: Shape) {
  const known = Object.keys(shape);
  return emptyAllowed(
    z.strictObject(shape, {
      error: (issue) =>
        issue.code === 'unrecognized_keys'
          ? issue.keys.map((key) => unknownKeyMessage(key, known)).join('\n')
          : `expected keys and values, found ${describeValue(issue.input)}`,
    }),
  );
}

function unknownKeyMessage(key: string, known: readonly string[]): string {
  const meant = nearestWord(key, known);
  return meant === undefined ? `unknown key; known here: ${known.join(', ')}` : `unknown key; did you mean "${meant}"?`;
}

function list<Item extends z.ZodType>(item: Item) {
  return z.array(item, { error: (issue) => `expected a list, found ${describeValue(issue.input)}` });
}

function table<Value extends z.ZodType>(value: Value, key: z.ZodType<string, string> = z.string()) {
  return z.record(key, value, {
    error: (issue) =>
      issue.code === 'invalid_key'
        ? 'expected a key of letters, digits, ".", "_", "-" and "/"'
        : `expected keys and values, found ${describeValue(issue.input)}`,
  });
}

function emptyAllowed<Schema extends z.ZodType>(schema: Schema, empty: unknown = {}) {
  return z.preprocess((input) => input ?? empty, schema);
}
