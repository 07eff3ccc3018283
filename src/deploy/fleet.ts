/**
 * The targets of a run: one connection and one agent each, opened once and kept. A host that cannot be reached is an answer, not an exception.
 */
import { ScapError, toErrorReport, toScapError } from '../core/errors.ts';
import type { HostName } from '../core/host-name.ts';
import { settleAll } from '../core/settle-all.ts';
import type { EventBus } from '../events/event.ts';
import type { Host } from '../inventory/host.ts';
import type { Connection } from '../transport/connection.ts';
import type { Transport } from '../transport/transport.ts';
import { begin, probe, type RunAdmission, type TargetReport, warm } from './target-client.ts';

/** A host as far as it is known in this run. */
export type FleetMember =
  | { readonly host: Host; readonly report: TargetReport; readonly error: undefined }
  | { readonly host: Host; readonly report: undefined; readonly error: ScapError };

export interface FleetOptions {
  readonly hosts: readonly Host[];
  readonly transports: ReadonlyMap<string, Transport>;
  readonly bus: EventBus;
  readonly connectTimeoutMs: number;
  /** How many hosts are connected to and asked at once. */
  readonly connectConcurrency: number;
  readonly signal: AbortSignal;
}

export interface Fleet extends AsyncDisposable {
  /**
   * Connects to every host and asks what it has. Called once; later calls return the same answer. Throws only what keeps every host from being
   * used, such as `tool_missing`.
   */
  survey(): Promise<readonly FleetMember[]>;
  /** The open connection to a host, opened anew when it was lost, unless `signal` aborts. Throws why there is none. */
  connection(host: HostName, signal?: AbortSignal): Promise<Connection>;
  /** The connection once the target has admitted the run; asked once per connection. */
  begun(host: HostName, admission: RunAdmission, signal?: AbortSignal): Promise<Connection>;
  /** Tells every host, as soon as it is connected, that a new revision is coming. Never fails: it only saves time. */
  warm(timeoutMs: number): void;
  /** What a host said when it was surveyed. */
  report(host: HostName): Promise<TargetReport>;
}

export function createFleet(options: FleetOptions): Fleet {
  return new ConnectedFleet(options);
}

/** A host that is being connected to anew. */
interface Dial {
  readonly connection: Promise<Connection>;
  readonly signal: AbortSignal;
}

class ConnectedFleet implements Fleet {
  readonly #options: FleetOptions;
  readonly #connections = new Map<HostName, Connection>();
  readonly #dials = new Map<HostName, Dial>();
  readonly #begun = new WeakMap<Connection, Promise<void>>();
  #survey: Promise<readonly FleetMember[]> | undefined;
  #members: Promise<ReadonlyMap<HostName, FleetMember>> | undefined;

  constructor(options: FleetOptions) {
    this.#options = options;
  }

  survey(): Promise<readonly FleetMember[]> {
    this.#survey ??= this.#connectAll();
    return this.#survey;
  }

  async connection(host: HostName, signal = this.#options.signal): Promise<Connection> {
    const member = await this.#member(host);
    for (let dial = this.#dials.get(host); dial !== undefined; dial = this.#dials.get(host)) {
      try {
        return await dial.connection;
      } catch (error) {
        // Who still has work to do, such as undoing, does not stop because another was told to.
        if (dial.signal === signal || !dial.signal.aborted) throw error;
      }
    }
    const connection = this.#connections.get(host);
    // Once: a host that is lost again at once would be connected to for ever.
    return connection?.usable ? connection : this.#dial(member.host, signal);
  }

  /** Connects anew, for all who ask meanwhile. */
  async #dial(host: Host, signal: AbortSignal): Promise<Connection> {
    const connection = this.#connect(host, signal).then((connected) => connected.connection);
    this.#dials.set(host.name, { connection, signal });
    try {
      return await connection;
    } finally {
      this.#dials.delete(host.name);
    }
  }

  async begun(host: HostName, admission: RunAdmission, signal?: AbortSignal): Promise<Connection> {
    const connection = await this.connection(host, signal);
    let begun = this.#begun.get(connection);
    if (begun === undefined) {
      // The target may be waiting for the agent of a run that was killed to let go.
      begun = begin(connection, admission, { timeoutMs: this.#options.connectTimeoutMs + 50_000 });
      this.#begun.set(connection, begun);
    }
    await begun;
    return connection;
  }

  warm(timeoutMs: number): void {
    const warmAll = async () => {
      await this.survey();
      await Promise.allSettled([...this.#connections.values()].map((connection) => warm(connection, { timeoutMs })));
    };
    warmAll().catch(() => {});
  }

  async report(host: HostName): Promise<TargetReport> {
    return (await this.#member(host)).report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#survey?.catch(() => {});
    await Promise.all([...this.#connections.values()].map((connection) => connection.close()));
  }

  async #member(host: HostName): Promise<Extract<FleetMember, { report: TargetReport }>> {
    this.#members ??= this.survey().then((members) => new Map(members.map((member) => [member.host.name, member])));
    const member = (await this.#members).get(host);
    if (member === undefined) throw new ScapError('host_unknown', `Cannot find the host "${host}" in the inventory`);
    if (member.report === undefined) throw member.error;
    return member;
  }

  async #connectAll(): Promise<readonly FleetMember[]> {
    const { hosts, connectConcurrency, signal, transports } = this.#options;
    // Said once, not by every host: it is nobody's fault but ours.
    for (const name of new Set(hosts.map(({ transport }) => transport))) transports.get(name)?.check?.();
    const settled = await settleAll(hosts, { limit: connectConcurrency }, (host) => this.#connect(host, signal));
    return settled.map((item, at) => {
      const host = hosts[at] as Host;
      if (item.status === 'fulfilled') return { host, report: item.value.report, error: undefined };
      const reason = item.status === 'rejected' ? item.reason : new Error('not started');
      const error = toScapError(reason) ?? bug(reason);
      this.#options.bus.emit('host.unreachable', { host: host.name, error: toErrorReport(error) });
      return { host, report: undefined, error };
    });
  }

  async #connect(host: Host, signal: AbortSignal): Promise<{ connection: Connection; report: TargetReport }> {
    const { bus, connectTimeoutMs, transports } = this.#options;
    const transport = transports.get(host.transport);
    if (transport === undefined)
      throw new ScapError('config_invalid', `Cannot reach ${host.name}: no transport "${host.transport}"`);
    const startedAt = Date.now();
    const onNoise = limitNoise((text) => bus.emit('host.spoke', { host: host.name, text }));
    const connection = await transport.connect(host, { timeoutMs: connectTimeoutMs, signal, onNoise });
    this.#connections.set(host.name, connection);
    if (connection.hello.versions.git === undefined) {
      throw new ScapError('tool_missing', `Cannot use ${host.name}: there is no git on it`, {
        hint: 'Install it there: apt-get install git',
      });
    }
    const report = await probe(connection, { timeoutMs: connectTimeoutMs, signal });
    const live = report.live.kind === 'revision' ? report.live.sha : null;
    bus.emit('host.connected', { host: host.name, live, durationMs: Date.now() - startedAt });
    return { connection, report };
  }
}

/** How much of what is no message is kept of one connection: it goes to the log, and must not fill the disk. */
const noiseLines = 1000;
const noiseLineLength = 1000;

function limitNoise(tell: (text: string) => void): (line: string) => void {
  let lines = 0;
  return (line) => {
    if (++lines <= noiseLines) tell(line.slice(0, noiseLineLength));
    else if (lines === noiseLines + 1) tell('(too much to keep: the rest is left out)');
  };
}

function bug(reason: unknown): ScapError {
  return new ScapError('bug', reason instanceof Error ? reason.message : String(reason), { cause: reason });
}
