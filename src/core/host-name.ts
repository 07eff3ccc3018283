declare const hostNameBrand: unique symbol;

/** The name of a target as the inventory calls it; also a safe file name. Made only by {@link parseHostName}. */
export type HostName = string & { readonly [hostNameBrand]: true };

/** Parses a host's name: letters, digits, `.`, `_`, `-`, not starting with a dash or a dot. `undefined` when it is none. */
export function parseHostName(text: string): HostName | undefined {
  return /^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$/.test(text) ? (text as HostName) : undefined;
}
