import type { NarrationStream } from '../report/narration-stream.ts';
import type { Transport } from '../transport/transport.ts';

/** The world of one invocation: everything the program would otherwise take from the process. */
export interface Io {
  /** The result. */
  readonly stdout: {
    write(text: string): unknown;
    /** Called when whoever read it has gone away. */
    on?(event: 'error', listener: () => void): unknown;
    readonly isTTY?: boolean;
  };
  /** The narration. */
  readonly stderr: NarrationStream & { readonly isTTY?: boolean };
  /** Where answers come from; without a terminal nothing is asked. */
  readonly stdin?: NodeJS.ReadStream | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** This program, to start itself in the background. Without it, nothing is done in the background. */
  readonly programPath?: string | undefined;
  /** The bundled agent that local targets run. */
  readonly agentPath: string;
  /** Ways to targets beside the stock ones, by the name that hosts choose them by; one of a stock name takes its place. Default: none. */
  readonly transports?: ReadonlyMap<string, Transport> | undefined;
}
