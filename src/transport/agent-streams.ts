import type { Readable, Writable } from 'node:stream';
import type { Argv } from '../system/process.ts';

/** A program that runs on a target beside its agent. */
export interface BesideProgram {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves when it has ended, or cannot be heard any more. */
  readonly ended: Promise<void>;
  /** Ends it, at the latest with the connection. */
  kill(): void;
}

/** What a transport must bring: the streams of a started agent. */
export interface AgentStreams {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Resolves with a sentence about why the agent is gone. */
  readonly ended: Promise<string>;
  /** Starts another program where the agent runs. */
  execute(argv: Argv): Promise<BesideProgram>;
  /** Ends the agent at once. */
  kill(): void;
  /** Lets the agent end by itself, without anybody waiting for it. */
  release(): void;
}
