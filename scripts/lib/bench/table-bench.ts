/** What the benches beside the standard one (`--fleet`, `--trees`, …) have in common: how they are called, and that they leave nothing. */
import { inWorkDirectory } from '../program/work-directory.ts';
import { UsageError } from '../usage-error.ts';
import { parseCount } from './parse-arguments.ts';

/** Where a report goes. */
export interface ReportRequest {
  /** To work in; default: a temporary one. */
  readonly directory: string | undefined;
  readonly json: boolean;
  /** Where to write the report as Markdown. */
  readonly markdown: string | undefined;
}

export const reportOptions = {
  json: { type: 'boolean', default: false },
  markdown: { type: 'string' },
  dir: { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
} as const;

export const REPORT_USAGE = `  --json           print one JSON document instead of tables
  --markdown FILE  also write the tables to FILE
  --dir DIR        work there instead of in a temporary directory; must be empty or absent
`;

export function toReportRequest(values: {
  readonly dir?: string | undefined;
  readonly json: boolean;
  readonly markdown?: string | undefined;
}): ReportRequest {
  return { directory: values.dir, json: values.json, markdown: values.markdown };
}

/** Parses numbers of hosts: `4,16,64`. @throws UsageError for more than `most` */
export function parseHostCounts(text: string, most: number): number[] {
  return text.split(',').map((item) => {
    const count = parseCount('hosts', item);
    if (count <= most) return count;
    throw new UsageError(`Cannot measure ${count} hosts on one machine: at most ${most}`, `Try --hosts ${most}`);
  });
}

/** Measures in a directory of its own that is gone afterwards; without a request prints how to call it. */
export async function runTableBench<Request extends ReportRequest>(
  name: string,
  { request, usage }: { readonly request: Request | undefined; readonly usage: string },
  measure: (directory: string, request: Request) => Promise<void>,
): Promise<void> {
  if (request === undefined) {
    process.stdout.write(usage);
    return;
  }
  const options = { prefix: `scap-bench-${name}-`, directory: request.directory, keep: false };
  await inWorkDirectory(options, (directory) => measure(directory, request));
}
