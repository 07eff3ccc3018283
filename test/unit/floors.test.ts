import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { findViolations, floors, formatViolation, type SourceFile } from '../support/source-rules.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

function readSources(): readonly SourceFile[] {
  const paths = readdirSync(`${root}src`, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.ts'));
  return paths.sort().map((path) => ({ path: `src/${path}`, text: readFileSync(`${root}src/${path}`, 'utf8') }));
}

function messages(path: string, ...lines: readonly string[]): readonly string[] {
  return findViolations({ path, text: `${lines.join('\n')}\n` }).map(formatViolation);
}

describe('src', () => {
  it('keeps the floors and the bans', () => {
    const sources = readSources();
    const violations = sources.flatMap(findViolations).map(formatViolation);
    expect(sources.length).toBeGreaterThan(0);
    if (violations.length > 0) expect.fail(`${violations.length} violations:\n  ${violations.join('\n  ')}`);
  });
});

describe('findViolations()', () => {
  it.each([
    ['src/target/stages/fetch.ts', "import { a } from '../../core/errors.ts';"],
    ['src/target/stages/fetch.ts', "import { a } from '../layout.ts';"],
    ['src/deploy/push.ts', "import type { A } from '../plan/plan.ts';"],
    ['src/cli/push.ts', "const { a } = await import('../report/terminal.ts');"],
    ['src/plugins/mediawiki/promote.ts', "import { a } from '../../deploy/push.ts';"],
    ['src/system/process.ts', "import { spawn } from 'node:child_process';"],
    ['src/cli/main.ts', "import packageJson from '../../package.json' with { type: 'json' };"],
    ['src/core/text.ts', "const found = /a/.exec('a'); const options = { shell: false };"],
    [
      'src/core/text.ts',
      "// import { a } from '../cli/main.ts'; execSync('x')",
      "const text = 'enum A { shell: true }';",
    ],
  ])('accepts %s: %s', (path, ...lines) => {
    expect(messages(path, ...lines)).toEqual([]);
  });

  it.each([
    ['import', "import { a } from '../cli/main.ts';"],
    ['import type', "import type { A } from '../cli/main.ts';"],
    ['inline type import', "import { type A } from '../cli/main.ts';"],
    ['side effect import', "import '../cli/main.ts';"],
    ['export from', "export { a } from '../cli/main.ts';"],
    ['export * from', "export * from '../cli/main.ts';"],
    ['export type from', "export type { A } from '../cli/main.ts';"],
    ['dynamic import', "const a = await import('../cli/main.ts');"],
    ['dynamic import of a template', 'const a = await import(`../cli/main.ts`);'],
    ['import() type', "export const a: import('../cli/main.ts').A = 1;"],
    ['import = require()', "import a = require('../cli/main.ts');"],
    ['require()', "const a = require('../cli/main.ts');"],
  ])('refuses a higher floor through %s', (_form, line) => {
    expect(messages('src/core/a.ts', '', line)).toEqual([
      'src/core/a.ts:2  imports src/cli/main.ts: src/core is on floor 0, src/cli above it on floor 7',
    ]);
  });

  it.each([
    ['config', 'staging'],
    ['transport', 'inventory'],
    ['events', 'plan'],
    ['report', 'service'],
  ])('refuses that neighbour %s imports a type of %s', (from, to) => {
    expect(messages(`src/${from}/a.ts`, `import type { B } from '../${to}/b.ts';`)).toEqual([
      `src/${from}/a.ts:1  imports src/${to}/b.ts: src/${from} and src/${to} are neighbours on floor ${floors.get(to)}`,
    ]);
  });

  it.each([
    ['src/cli/main.ts', '../plugins/mediawiki/a.ts', 'nothing may import plugins, they are loaded by name'],
    ['src/plugins/mediawiki/a.ts', '../../cli/main.ts', 'plugins see up to floor 5, src/cli is on floor 7'],
    ['src/plugins/mediawiki/a.ts', '../../report/a.ts', 'plugins see up to floor 5, src/report is on floor 6'],
    ['src/cli/main.ts', '../attic/a.ts', 'src/attic has no floor'],
  ])('refuses that %s imports %s', (path, specifier, reason) => {
    expect(messages(path, `import { a } from '${specifier}';`)).toEqual([expect.stringMatching(`: ${reason}$`)]);
  });

  it.each([
    ["import { a } from '../../scripts/lib/prng.ts';", 'imports scripts/lib/prng.ts, which is outside of src'],
    ["import { a } from './b.js';", 'imports "./b.js" without its .ts extension'],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: source code as data
    ['const a = await import(`../cli/${name}.ts`);', 'imports a computed relative path'],
    ["const a = await import('../cli/' + name);", 'imports a computed relative path'],
    ["import { spawn } from 'node:child_process';", 'imports node:child_process; only src/system may'],
    ["import { spawn } from 'child_process';", 'imports child_process; only src/system may'],
    ["const a = await import('node:child_process');", 'imports node:child_process; only src/system may'],
    ['export default function a() {}', 'has a default export; export by name'],
    ['export default 1;', 'has a default export; export by name'],
    ['const a = 1; export { a as default };', 'has a default export; export by name'],
    ["export { default } from './b.ts';", 'has a default export; export by name'],
    ['export enum A { B }', 'declares an enum; use a union of string literals'],
    ['declare const enum A { B }', 'declares an enum; use a union of string literals'],
    ["spawn('ls', { shell: true });", 'passes shell: true; spawn an argument array'],
    ["spawn('ls', { 'shell': true });", 'passes shell: true; spawn an argument array'],
    ["execSync('ls');", 'calls execSync; spawn an argument array'],
    ["childProcess.execSync('ls');", 'calls execSync; spawn an argument array'],
  ])('refuses %s', (line, message) => {
    expect(messages('src/deploy/a.ts', line)).toEqual([`src/deploy/a.ts:1  ${message}`]);
  });

  it.each(['utils', 'helpers', 'types', 'index', 'manager'])('refuses a file or folder named %s', (name) => {
    const message = `is named "${name}"; name it after the one thing it holds`;
    expect(messages(`src/core/${name}.ts`)).toEqual([`src/core/${name}.ts:1  ${message}`]);
    expect(messages(`src/core/${name}/a.ts`)).toEqual([`src/core/${name}/a.ts:1  ${message}`]);
  });

  it('refuses files that have no floor or lie too deep for bin/scap', () => {
    expect(messages('src/main.ts')).toEqual([
      'src/main.ts:1  lies directly in src; put it into a folder that has a floor',
    ]);
    expect(messages('src/attic/a.ts')).toEqual([
      'src/attic/a.ts:1  src/attic has no floor; give it one in test/support/source-rules.ts',
    ]);
    expect(messages('src/core/a/b/c.ts')).toEqual([]);
    expect(messages('src/core/a/b/c/d.ts')).toEqual([
      'src/core/a/b/c/d.ts:1  lies 5 levels deep; bin/scap looks 4 deep',
    ]);
  });

  it('refuses a file of more than 300 lines', () => {
    const lines = (count: number): readonly string[] => Array.from({ length: count }, () => '// a');
    expect(messages('src/core/a.ts', ...lines(300))).toEqual([]);
    expect(messages('src/core/a.ts', ...lines(301))).toEqual([
      'src/core/a.ts:301  has 301 lines; at most 300 are allowed',
    ]);
  });
});
