import type { Document } from './operator.ts';

/** The state of each host in a result or a status, by name. */
export function statesOf(document: Document): Record<string, string> {
  return Object.fromEntries(
    document.hosts.map(({ host, state }: { readonly host: string; readonly state: string }) => [host, state]),
  );
}
