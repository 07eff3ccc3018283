import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeCheckout } from '../fixed-git.ts';

const PER_VERSION = 4;

/** Makes a few extensions of every version real git checkouts; returns their paths below `root`. */
export function nestGit(root: string, versions: readonly string[]): string[] {
  const paths = versions.flatMap((version) => {
    const extensions = readExtensions(join(root, version, 'extensions')).slice(0, PER_VERSION);
    return extensions.map((name) => ({ version, name, path: `${version}/extensions/${name}` }));
  });
  for (const { version, name, path } of paths) {
    makeCheckout(join(root, path), {
      branch: version.replace('php-', 'wmf/'),
      remote: `https://gerrit.example.org/r/mediawiki/extensions/${name}`,
      message: `Branch ${name} for ${version}`,
    });
  }
  return paths.map(({ path }) => path);
}

function readExtensions(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch {
    return [];
  }
}
