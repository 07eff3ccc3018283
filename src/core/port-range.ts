/** TCP ports from `first` to `last`, both included; 1 to 65535. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/** Parses `8730-8790` or `8730`; `undefined` when it is neither, or runs backwards. */
export function parsePortRange(text: string): PortRange | undefined {
  const match = /^(\d{1,5})(?:\s*-\s*(\d{1,5}))?$/.exec(text.trim());
  if (match === null) return undefined;
  const first = Number(match[1]);
  const last = Number(match[2] ?? match[1]);
  return first >= 1 && first <= last && last <= 65_535 ? { first, last } : undefined;
}

/** The form people type: `8730-8790`, or `8730` for one port. */
export function formatPortRange({ first, last }: PortRange): string {
  return first === last ? String(first) : `${first}-${last}`;
}
