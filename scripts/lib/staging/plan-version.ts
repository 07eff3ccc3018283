import { createRandom, drawNormal } from '../prng.ts';
import { claimName, type PlannedFile, planArea, planFile, planLanguages } from './plan-directory.ts';
import { drawCamel } from './words.ts';

const PHP = ['php', 'php', 'php', 'php', 'php', 'php', 'php', 'json', 'md', 'txt'] as const;
const FRONT_END = ['js', 'js', 'js', 'less', 'css', 'vue', 'json', 'png'] as const;
const TESTS = ['php', 'php', 'php', 'json', 'js', 'txt'] as const;
const VENDOR = [...PHP, ...PHP, 'sh'] as const;
const ROOT_FILES = ['index.php', 'version.php', 'api.php', 'load.php', 'composer.json', 'README.md', 'run.sh'] as const;

/** Plans exactly `fileCount` files of one MediaWiki version, with paths relative to its directory. */
export function planVersion(fileCount: number, seed: string): PlannedFile[] {
  const share = (part: number): number => Math.floor(fileCount * part);
  const random = createRandom(seed, 'version');
  const files = [
    ...ROOT_FILES.slice(0, fileCount).map((name) => planFile(name)),
    ...planLanguages('languages/i18n', Math.min(480, share(0.025)), '.json', 1.1),
    ...planLanguages('cache/l10n/upstream', Math.min(480, share(0.02)), '.json', 1.6),
    ...planArea(random, area('includes', share(0.22), 6, PHP)),
    ...planArea(random, area('resources', share(0.07), 6, FRONT_END)),
    ...planArea(random, area('vendor', share(0.1), 8, VENDOR)),
    ...planArea(random, area('tests/phpunit', share(0.04), 5, TESTS)),
  ];
  const left = Math.max(0, fileCount - files.length);
  const inSkins = Math.floor(left * 0.06);
  files.push(...planComponents('skins', inSkins, 6, seed), ...planComponents('extensions', left - inSkins, 200, seed));
  return files.slice(0, fileCount);
}

function area(root: string, fileCount: number, maxDepth: number, endings: readonly string[]) {
  return { root, fileCount, filesPerDirectory: 10, maxDepth, endings };
}

/** Plans the extensions (or skins) that share `fileCount` files: a few large ones, many small ones. */
function planComponents(parent: string, fileCount: number, most: number, seed: string): PlannedFile[] {
  if (fileCount === 0) return [];
  const count = Math.max(1, Math.min(most, Math.floor(fileCount / 40)));
  const random = createRandom(seed, parent);
  const taken = new Set<string>();
  const names = Array.from({ length: count }, () => claimName(taken, (suffix) => drawCamel(random, 2) + suffix));
  const weights = names.map(() => Math.exp(drawNormal(random) * 0.9));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const files: PlannedFile[] = [];
  let weightSoFar = 0;
  names.forEach((name, i) => {
    weightSoFar += (weights[i] ?? 0) / total;
    const upTo = i === count - 1 ? fileCount : Math.round(weightSoFar * fileCount);
    files.push(...planComponent(`${parent}/${name}`, upTo - files.length, seed));
  });
  return files;
}

function planComponent(root: string, fileCount: number, seed: string): PlannedFile[] {
  const random = createRandom(seed, root);
  const share = (part: number): number => Math.floor(fileCount * part);
  const manifest = root.startsWith('skins/') ? 'skin.json' : 'extension.json';
  const files = [
    ...[manifest, 'README.md', 'composer.json'].slice(0, fileCount).map((name) => planFile(`${root}/${name}`)),
    ...planLanguages(`${root}/i18n`, Math.min(220, share(0.33)), '.json', 0),
    ...planArea(random, area(`${root}/includes`, share(0.16), 4, PHP)),
    ...planArea(random, area(`${root}/resources`, share(0.13), 4, FRONT_END)),
    ...planArea(random, area(`${root}/tests/phpunit`, share(0.12), 4, TESTS)),
  ];
  const left = Math.max(0, fileCount - files.length);
  return [...files, ...planArea(random, area(`${root}/src`, left, 5, PHP))];
}
