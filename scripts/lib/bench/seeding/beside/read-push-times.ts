/** When what happened in one push, in seconds since its process started. */
export interface PushTimes {
  /** Every host had been connected, and the fetch stage began. */
  readonly stageStarted: number;
  /** The last of the hosts looked at had fetched: all of its task `fetch@host`. */
  readonly fetched: number;
  /** The last of all hosts had. */
  readonly allFetched: number;
  /** The last of the hosts looked at served it. */
  readonly promoted: number;
  readonly ended: number;
  /** How long the longest task `fetch@host` of the hosts looked at took. */
  readonly longestFetch: number;
  /** The large bundle that went from host to host, if one did. */
  readonly bulk: BulkTimes | undefined;
}

export interface BulkTimes {
  /** How many have it now. */
  readonly hosts: number;
  /** By the deploy host. */
  readonly sentBytes: number;
  /** The first host asked for it. */
  readonly begun: number;
  /** The last host had received and checked it. */
  readonly ended: number;
}

export interface PushedProcess {
  /** Its events, one JSON document a line. */
  readonly stdout: string;
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  readonly seconds: number;
}

interface EventLine {
  readonly type: string;
  readonly at: number;
  readonly stage?: string;
  readonly host?: string | null;
  readonly durationMs?: number;
  readonly hosts?: number;
  readonly sentBytes?: number;
}

/**
 * Reads it from the events of `scap push --events`.
 *
 * @param hosts to look at
 * @throws Error when one of them did not fetch or was not promoted
 */
export function readPushTimes({ stdout, startedAt, seconds }: PushedProcess, hosts: readonly string[]): PushTimes {
  const events = stdout
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as EventLine);
  const since = (at: number) => (at - startedAt) / 1000;
  const lastOf = (found: readonly EventLine[]) => since(Math.max(...found.map(({ at }) => at)));
  const fetches = tasksOf(events, 'fetch', hosts);
  const ofStage = (type: string) => events.filter((event) => event.type === type && event.stage === 'fetch');
  const distributed = events.find(({ type }) => type === 'bundle.distributed');
  return {
    stageStarted: lastOf(ofStage('stage.started')),
    fetched: lastOf(fetches),
    allFetched: lastOf(ofStage('stage.finished')),
    promoted: lastOf(tasksOf(events, 'promote', hosts)),
    ended: seconds,
    longestFetch: Math.max(...fetches.map(({ durationMs = 0 }) => durationMs)) / 1000,
    bulk: distributed && toBulk(distributed, since),
  };
}

function toBulk({ at, hosts = 0, sentBytes = 0, durationMs = 0 }: EventLine, since: (at: number) => number): BulkTimes {
  return { hosts, sentBytes, begun: since(at - durationMs), ended: since(at) };
}

function tasksOf(events: readonly EventLine[], stage: string, hosts: readonly string[]): EventLine[] {
  return hosts.map((name) => {
    const task = events.find((event) => event.type === 'task.finished' && event.stage === stage && event.host === name);
    if (task === undefined)
      throw new Error(`Cannot find out when ${name} was done with ${stage}: the run has no such event`);
    return task;
  });
}
