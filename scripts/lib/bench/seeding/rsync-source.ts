import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FleetHost } from '../../fleet/fleet.mjs';
import { awaitBanner } from '../../fleet/ports.mjs';
import { ScriptFailure } from '../../program/async-script.ts';
import { type Argv, runProgram } from '../../program/run-program.ts';
import { formatRsyncdConfig, formatSecrets, moduleName } from './rsyncd-files.ts';

/** In a namespace of its own, so it is free. */
const port = 8873;
const startTimeoutMs = 20_000;
/** Far above what a bench takes. */
const lifeMs = 24 * 60 * 60 * 1000;

/** What lets one host copy once. */
export interface RsyncTicket {
  /** `rsync://user@address:port/module/` */
  readonly url: string;
  readonly password: string;
}

/** Runs a program as if on a host: in its network namespace. */
export function onHostArgv({ netns }: Pick<FleetHost, 'netns'>, argv: Argv): Argv {
  return netns === undefined ? argv : ['ip', 'netns', 'exec', netns, ...argv];
}

/** A read-only rsync daemon on one host that serves one directory to those who were given a ticket. It runs until it is disposed of. */
export class RsyncSource implements AsyncDisposable {
  readonly #host: FleetHost;
  readonly #secretsFile: string;
  readonly #secrets = new Map<string, string>();
  readonly #stop = new AbortController();
  readonly #ended: Promise<unknown>;
  #isAlive = true;

  private constructor(host: FleetHost, tree: string, directory: string, signal: AbortSignal) {
    const config = join(directory, 'rsyncd.conf');
    mkdirSync(directory);
    this.#host = host;
    this.#secretsFile = join(directory, 'rsyncd.secrets');
    this.#writeSecrets();
    writeFileSync(config, formatRsyncdConfig({ address: host.address, port, tree, secretsFile: this.#secretsFile }));
    const argv = onHostArgv(host, ['rsync', '--daemon', '--no-detach', `--config=${config}`]);
    const either = AbortSignal.any([signal, this.#stop.signal]);
    // It ends by a signal, which is no failure; when it ends by itself, copies from it fail and say so.
    this.#ended = runProgram(argv, { signal: either, timeoutMs: lifeMs })
      .catch(() => {})
      .finally(() => {
        this.#isAlive = false;
      });
  }

  /**
   * Starts one and returns when it greets.
   *
   * @param directory for its configuration; to be created, and gone when it has ended
   * @param signal ends it too
   * @throws ScriptFailure when it does not greet within 20 s
   */
  static async start(
    host: FleetHost,
    { tree, directory, signal }: { readonly tree: string; readonly directory: string; readonly signal: AbortSignal },
  ): Promise<RsyncSource> {
    const source = new RsyncSource(host, tree, directory, signal);
    const isAlive = () => source.#isAlive;
    const greeting = '@RSYNCD:';
    if (await awaitBanner({ address: host.address, port, timeoutMs: startTimeoutMs, isAlive, greeting })) return source;
    await source[Symbol.asyncDispose]();
    signal.throwIfAborted();
    throw new ScriptFailure(`Cannot start an rsync daemon on ${host.name}`, 'See whether "rsync --daemon" runs here');
  }

  /** Lets a host in until `revoke`, with a password that nobody had before. */
  admit(child: string): RsyncTicket {
    const password = randomBytes(24).toString('hex');
    this.#secrets.set(child, password);
    this.#writeSecrets();
    return { url: `rsync://${child}@${this.#host.address}:${port}/${moduleName}/`, password };
  }

  revoke(child: string): void {
    this.#secrets.delete(child);
    this.#writeSecrets();
  }

  /** Ends it with everything it started: TERM, then KILL. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#ended;
    rmSync(join(this.#secretsFile, '..'), { recursive: true, force: true });
  }

  #writeSecrets(): void {
    writeFileSync(this.#secretsFile, formatSecrets(this.#secrets), { mode: 0o600 });
  }
}
