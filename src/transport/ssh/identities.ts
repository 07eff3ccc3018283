/**
 * What the deploy host proves itself with: private keys, each parsed once, and keys of an authentication agent.
 *
 * Parsing an encrypted key blocks for 0.2 s, and a server allows six attempts: so keys are shared by all connections, and an agent that holds
 * more than fit is narrowed to those that are named.
 */
import { readFileSync } from 'node:fs';
import type { Duplex } from 'node:stream';
import type { AnyAuthMethod, BaseAgent, ParsedKey } from 'ssh2';
import { isSystemError } from '../../core/errors.ts';
import type { Ssh2 } from './load-ssh2.ts';
import type { IdentitySettings } from './settings.ts';

/** One way to log in, for any user. */
export type Identity =
  | { readonly kind: 'key'; readonly key: ParsedKey }
  | { readonly kind: 'agent'; readonly agent: BaseAgent; readonly keyCount: number };

export interface Identities {
  readonly offered: readonly Identity[];
  /** Why a key that was named is not among them, for whoever is refused. */
  readonly passedOver: readonly string[];
}

/** OpenSSH's MaxAuthTries is 6 by default, and counts each key. */
const maxAttempts = 5;

/** How long an agent may take to list its keys: it need not ask anybody for that. */
const agentTimeoutMs = 3000;

/** How many keys a server is shown. */
export function countKeys(identities: readonly Identity[]): number {
  return identities.reduce((sum, identity) => sum + (identity.kind === 'key' ? 1 : identity.keyCount), 0);
}

/** Loads keys; missing files are passed over, silently unless they were named. `passphrase` is tried on encrypted ones. Never throws. */
export async function loadIdentities(
  ssh2: Ssh2,
  { files, agent, only }: IdentitySettings,
  passphrase: string | undefined,
): Promise<Identities> {
  const read = files.map((path) => readKey(ssh2, path, passphrase));
  const named = new Set(read.map(({ blob }) => blob));
  const { keys: held, problem } = agent === undefined ? noKeys : await listAgentKeys(ssh2, agent);
  const isNamed = (key: ParsedKey) => named.has(blobOf(key));
  // Named ones first: there may be more than a server cares to try.
  const wanted = [...held.filter(isNamed), ...(only ? [] : held.filter((key) => !isNamed(key)))];
  const inAgent = new Set(wanted.map(blobOf));
  const own = read.flatMap(({ key }) => (key === undefined || inAgent.has(blobOf(key)) ? [] : [key]));
  const lent = wanted.slice(0, Math.max(0, maxAttempts - own.length));
  const left = own.length + wanted.length - Math.min(own.length, maxAttempts) - lent.length;
  return {
    offered: [
      ...own.slice(0, maxAttempts).map((key): Identity => ({ kind: 'key', key })),
      ...(agent === undefined || lent.length === 0
        ? []
        : [{ kind: 'agent' as const, agent: narrowAgent(ssh2, agent, lent), keyCount: lent.length }]),
    ],
    passedOver: [
      ...read.flatMap(({ blob, why, isMissing }) =>
        why === undefined || inAgent.has(blob ?? '') || (isMissing && !only) ? [] : [why],
      ),
      ...(problem === undefined ? [] : [problem]),
      ...(left > 0 ? [`${left} more, as servers refuse after a few (name the right one with "ssh.identityFile")`] : []),
    ],
  };
}

/** The form ssh2 wants. */
export function toAuthMethods(identities: readonly Identity[], username: string): AnyAuthMethod[] {
  return identities.map((identity) =>
    identity.kind === 'key'
      ? { type: 'publickey', username, key: identity.key }
      : { type: 'agent', username, agent: identity.agent },
  );
}

interface ReadKey {
  readonly key?: ParsedKey;
  /** The public part in base64; known from the file beside it even when the private part cannot be read. */
  readonly blob?: string | undefined;
  /** Why there is no key. */
  readonly why?: string;
  readonly isMissing?: boolean;
}

function readKey(ssh2: Ssh2, path: string, passphrase: string | undefined): ReadKey {
  const beside = readText(`${path}.pub`).text?.trim().split(/\s+/)[1];
  const { text, problem } = readText(path);
  if (text === undefined)
    return { blob: beside, why: `"${path}": ${problem ?? 'there is no such file'}`, isMissing: problem === undefined };
  const parsed: unknown = ssh2.utils.parseKey(text, passphrase);
  const key = (Array.isArray(parsed) ? parsed[0] : parsed) as ParsedKey | Error;
  if (key instanceof Error) return { blob: beside, why: `"${path}": ${explain(key.message)}` };
  if (!key.isPrivateKey()) return { blob: blobOf(key) };
  return { key, blob: blobOf(key) };
}

function explain(message: string): string {
  if (/no passphrase given/i.test(message))
    return 'it is encrypted; load it into an agent (ssh-add), or set SCAP_SSH_PASSPHRASE';
  if (/bad passphrase|integrity check failed/i.test(message))
    return 'the passphrase in SCAP_SSH_PASSPHRASE is not its own';
  return message;
}

function readText(path: string): { readonly text?: string; readonly problem?: string } {
  try {
    return { text: readFileSync(path, 'utf8') };
  } catch (error) {
    if (isSystemError(error, 'ENOENT', 'ENOTDIR')) return {};
    return { problem: (error as Error).message };
  }
}

function blobOf(key: ParsedKey): string {
  return key.getPublicSSH().toString('base64');
}

interface AgentKeys {
  readonly keys: readonly ParsedKey[];
  readonly problem?: string;
}

const noKeys: AgentKeys = { keys: [] };

function listAgentKeys(ssh2: Ssh2, socket: string): Promise<AgentKeys> {
  return new Promise((resolve) => {
    let stream: Duplex | undefined;
    class WatchedAgent extends ssh2.OpenSSHAgent {
      override getStream(done: (error?: Error | null, stream?: Duplex) => void): void {
        super.getStream((error: Error | null | undefined, opened?: Duplex) => {
          stream = opened;
          done(error, opened);
        });
      }
    }
    const timer = setTimeout(() => {
      resolve({ keys: [], problem: `the agent at "${socket}": no answer after ${agentTimeoutMs} ms` });
      stream?.destroy();
    }, agentTimeoutMs);
    new WatchedAgent(socket).getIdentities((error, keys) => {
      clearTimeout(timer);
      if (error) resolve({ keys: [], problem: `the agent at "${socket}": ${error.message}` });
      else resolve({ keys: (keys ?? []).flatMap((key) => toParsedKey(ssh2, key)) });
    });
  });
}

function toParsedKey(ssh2: Ssh2, key: unknown): ParsedKey[] {
  const parsed: unknown = ssh2.utils.parseKey(key as Buffer);
  const first: unknown = Array.isArray(parsed) ? parsed[0] : parsed;
  return first instanceof Error || first === undefined ? [] : [first as ParsedKey];
}

/** An agent that shows only `keys`: ssh2 has no IdentitiesOnly. */
function narrowAgent(ssh2: Ssh2, socket: string, keys: readonly ParsedKey[]): BaseAgent {
  class NarrowedAgent extends ssh2.OpenSSHAgent {
    override getIdentities(done: (error: Error | undefined, keys?: ParsedKey[]) => void): void {
      done(undefined, [...keys]);
    }
  }
  return new NarrowedAgent(socket) as BaseAgent;
}
