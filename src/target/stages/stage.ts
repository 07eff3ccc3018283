import { ScapError } from '../../core/errors.ts';
import { isSha, type Sha } from '../../core/sha.ts';
import type { TargetContext } from '../context.ts';

/** What every stage is told. A stage reads its own parameters from the same object. */
export interface StageParams {
  /** The run's number; see `admitFence`. */
  readonly fence: number;
}

/**
 * A step of a deploy on one target. Subclass it to make another, or subclass a stock stage and register it under the same name to replace it.
 *
 * The order is `before`, `run`, `after`, under the target's lock and after its fence was checked. Whatever throws ends the stage; `run` must leave
 * the target serving what it served, or what it was asked to serve, at every instant.
 */
export abstract class Stage<P extends StageParams = StageParams, R = unknown> {
  abstract readonly name: string;

  /** Parses what came over the wire. Throws `protocol_violation`. */
  abstract parse(params: Readonly<Record<string, unknown>>): P;

  /** Refuses what should not begin. Must not change anything. */
  async before(_context: TargetContext, _params: P): Promise<void> {}

  abstract run(context: TargetContext, params: P): Promise<R>;

  /** Judges what was done. Throwing fails the stage; it does not undo it. */
  async after(_context: TargetContext, _params: P, _result: R): Promise<void> {}
}

export function shaParam(params: Readonly<Record<string, unknown>>, name: string): Sha {
  const value = params[name];
  if (isSha(value)) return value;
  throw invalid(name, 'a revision', value);
}

export function numberParam(params: Readonly<Record<string, unknown>>, name: string): number {
  const value = params[name];
  if (typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER) return value;
  throw invalid(name, 'a number', value);
}

export function invalid(name: string, wanted: string, value: unknown): ScapError {
  return new ScapError(
    'protocol_violation',
    `Cannot run the stage: "${name}" should be ${wanted} and is ${JSON.stringify(value) ?? 'missing'}`,
  );
}
