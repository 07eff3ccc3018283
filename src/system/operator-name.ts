import { userInfo } from 'node:os';

/** Who runs this program: the one who used sudo, if so, else the user by name, or by number when the system knows no name. */
export function operatorName(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env.SUDO_USER) return env.SUDO_USER;
  try {
    return userInfo().username;
  } catch {
    return `uid ${process.getuid?.() ?? 'unknown'}`;
  }
}
