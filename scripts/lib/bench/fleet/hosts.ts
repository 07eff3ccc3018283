import { type Fleet, type FleetOptions, startFleet } from '../../fleet/fleet.mjs';
import { FleetError } from '../../fleet/fleet-error.mjs';
import { mapLimited } from '../../fleet/run-command.mjs';
import { ScriptFailure } from '../../program/async-script.ts';
import { runProgram } from '../../program/run-program.ts';

const parallelRemovals = 4;

/** Starts hosts for a measurement. @throws ScriptFailure when they do not start */
export async function startHosts(options: FleetOptions): Promise<Fleet> {
  try {
    return await startFleet(options);
  } catch (error) {
    throw error instanceof FleetError ? new ScriptFailure(error.message, error.hint, error.status) : error;
  }
}

/** Also after an interrupt. A fleet that does not stop must not hide why the work failed. */
export async function stopHosts(fleet: Fleet, say: (text: string) => void): Promise<void> {
  try {
    await fleet.stop({ keep: true });
    // Millions of names at worst: rm is several times as fast as Node, and hosts go side by side.
    const { signal } = new AbortController();
    await mapLimited(fleet.hosts, parallelRemovals, ({ root }) => runProgram(['rm', '-rf', '--', root], { signal }));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  }
}
