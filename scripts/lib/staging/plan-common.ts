import { createRandom } from '../prng.ts';
import { type PlannedFile, planArea, planFile } from './plan-directory.ts';

/** A symbolic link to make: `target` is stored as it is. */
export interface PlannedLink {
  readonly path: string;
  readonly target: string;
}

const REQUIRED = [
  'multiversion/MWVersion.php',
  'multiversion/MWMultiVersion.php',
  'multiversion/activeMWVersions.sh',
  'wmf-config/CommonSettings.php',
  'wmf-config/InitialiseSettings.php',
  'wmf-config/db-eqiad.php',
  'docroot/wikipedia.org/index.php',
  'docroot/wikipedia.org/robots.txt',
  'static/favicon.png',
] as const;

/** Files every tree has above its versions; trees with fewer are refused. */
export const COMMON_MINIMUM = REQUIRED.length + 2;

const SITES = [
  'wikipedia.org',
  'wiktionary.org',
  'wikibooks.org',
  'wikinews.org',
  'wikidata.org',
  'mediawiki.org',
] as const;

/** Plans exactly `fileCount` (≥ `COMMON_MINIMUM`) files that belong to no version. */
export function planCommon(fileCount: number, seed: string): PlannedFile[] {
  const random = createRandom(seed, 'common');
  const files = [
    planFile('private/PrivateSettings.php', { mode: 0o640 }),
    planFile('private/readme.txt', { mode: 0o600 }),
    ...REQUIRED.map((path) => planFile(path)),
  ];
  const left = fileCount - files.length;
  const share = (part: number): number => Math.floor(left * part);
  const area = (root: string, count: number, endings: readonly string[]): PlannedFile[] =>
    planArea(random, { root, fileCount: count, filesPerDirectory: 9, maxDepth: 3, endings });
  files.push(
    ...area('private/secrets', share(0.03), ['php']).map((file) => ({ ...file, mode: 0o640 })),
    ...area('multiversion/src', share(0.07), ['php', 'php', 'json', 'sh']),
    ...area('wmf-config/config', share(0.25), ['php', 'json', 'json']),
    ...area('docroot/errorpages', share(0.05), ['css', 'txt', 'php']),
  );
  return [...files, ...area('static/images', fileCount - files.length, ['png', 'png', 'css', 'txt'])];
}

/** Plans the links below `docroot/`: a page root per site that leads into the newest version, and shared pages. */
export function planLinks(newestVersion: string): PlannedLink[] {
  const links = SITES.flatMap((site) => [
    { path: `docroot/${site}/w`, target: `../../${newestVersion}` },
    { path: `docroot/${site}/static`, target: '../../static' },
  ]);
  const pages = SITES.slice(1).map((site) => ({
    path: `docroot/${site}/index.php`,
    target: '../wikipedia.org/index.php',
  }));
  return [...links, ...pages, { path: 'static/current', target: `../${newestVersion}/resources` }];
}
