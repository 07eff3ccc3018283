import { toDisplayPath } from '../core/byte-path.ts';
import { exitStatus, toErrorReport } from '../core/errors.ts';
import type { DeployReport } from '../deploy/deploy.ts';
import { unmadeRevision } from '../deploy/deploy.ts';
import { describeTask } from '../deploy/executor.ts';
import { outcomeStatus } from '../deploy/outcome.ts';
import { planHosts } from '../plan/plan.ts';
import { formatDifference } from '../report/difference.ts';
import { formatPlanText } from '../report/plan-text.ts';
import { formatSummary } from '../report/summary.ts';
import { formatNothingToDo } from '../report/summary-outcome.ts';
import { totalDifference } from '../revision/revision-diff.ts';
import type { CommandResult, Session } from './session.ts';

/** How many files a dry run lists for people; `--json` has them all. */
const listedFiles = 40;

/** What a deploying command prints: the summary of its run, what a dry run would do, or that there is nothing to do. */
export function toCommandResult(session: Session, report: DeployReport, savedPlan?: string): CommandResult {
  if (report.dryRun) return dryRunResult(session, report);
  const { plan, result, prepared } = report;
  const skipped = plan.skipped ?? [];
  const common = {
    revision: plan.revision,
    base: plan.base,
    kind: plan.kind,
    ...(prepared && { created: prepared.created, difference: totalDifference(prepared.differences) }),
    ...(skipped.length > 0 && { skipped }),
    ...(prepared && prepared.ignored.length > 0 && { leftOutDifferences: prepared.ignored.map(toDisplayPath) }),
  };
  if (result === undefined) {
    const text =
      plan.stages.length === 0 ? formatNothingToDo(plan.revision, plan.unchanged.length, skipped.length) : '';
    return {
      status: exitStatus.ok,
      json: { ok: true, outcome: 'nothing', ...common, unchanged: plan.unchanged },
      text,
      narrate: true,
    };
  }
  const { n, outcome, hosts, counts, durationMs, error, skewMs } = result;
  const status = outcomeStatus(outcome, hosts);
  const json = {
    ok: status === exitStatus.ok,
    status,
    outcome,
    run: n,
    ...common,
    counts,
    hosts,
    durationMs,
    skewMs,
    ...(error && { error }),
  };
  const { colour, configOption: config } = session;
  return { status, json, text: formatSummary(session.runState(), { colour, config, savedPlan }), narrate: true };
}

function dryRunResult({ host, colour }: Session, { plan, prepared, unreachable }: DeployReport): CommandResult {
  const isNew = plan.revision === unmadeRevision;
  const files = (prepared?.differences ?? []).map((file) => ({ ...file, path: toDisplayPath(file.path) }));
  const hosts = new Set<string>(planHosts(plan));
  const groups = host.inventory.groups.map(({ name, hosts: members }) => ({
    name,
    hosts: members.map((member) => member.name).filter((member) => hosts.has(member)),
  }));
  const json = {
    ok: true,
    dryRun: true,
    revision: isNew ? null : plan.revision,
    base: plan.base,
    difference: totalDifference(files),
    files,
    leftOutDifferences: (prepared?.ignored ?? []).map(toDisplayPath),
    groups,
    ...(plan.skipped && { skipped: plan.skipped }),
    unreachable: unreachable.map((member) => ({ host: member.host.name, error: toErrorReport(member.error) })),
    plan: isNew ? { ...plan, revision: null } : plan,
  };
  const text = [
    ...(prepared ? formatDifference(files, { limit: listedFiles, colour }) : []),
    formatPlanText(
      plan,
      (task) => describeTask(host.commands, task),
      host.inventory.groups.map(({ name, hosts: members }) => ({ name, hosts: members.map((member) => member.name) })),
    ),
    'Dry run: nothing was changed',
  ];
  return { status: exitStatus.ok, json, text: text.join('\n') };
}
