// The rules for files under src, as functions of their text: import floors (design page, section 10) and the few
// bans that no linter here expresses. Imports are read from the syntax tree, types included.
import { posix } from 'node:path';
import ts from 'typescript';

export interface SourceFile {
  /** Relative to the root of the repository, with forward slashes: "src/core/errors.ts". */
  readonly path: string;
  readonly text: string;
}

export interface Violation {
  readonly path: string;
  readonly line: number;
  readonly message: string;
}

/** Floor of each folder of src. Folders on one floor are neighbours and never import each other. */
export const floors: ReadonlyMap<string, number> = new Map([
  ['core', 0],
  ['system', 1],
  ['git', 2],
  ['config', 3],
  ['staging', 3],
  ['revision', 3],
  ['inventory', 3],
  ['transport', 3],
  ['checks', 3],
  ['events', 3],
  ['plan', 3],
  ['target', 4],
  ['deploy', 5],
  ['report', 6],
  ['service', 6],
  ['cli', 7],
]);

/** Plugins see deploy and what is below it; nothing sees them. */
const pluginsFolder = 'plugins';
const pluginsSeeUpTo = 5;
/** Modules that only one folder may import. */
const confinedModules: ReadonlyMap<string, string> = new Map([['child_process', 'system']]);
const bannedNames = new Set(['utils', 'helpers', 'types', 'index', 'manager']);
const maxLines = 300;
/** bin/scap looks for changed sources this far down: src/1/2/3/4. */
const maxDepth = 4;

/** Returns what the file breaks, in the order of its lines. */
export function findViolations(file: SourceFile): readonly Violation[] {
  const tree = ts.createSourceFile(file.path, file.text, ts.ScriptTarget.Latest, true);
  const found: Violation[] = findPathViolations(file.path).map((message) => ({ path: file.path, line: 1, message }));
  const lines = file.text.split('\n').length - (file.text.endsWith('\n') ? 1 : 0);
  if (lines > maxLines) {
    found.push({ path: file.path, line: maxLines + 1, message: `has ${lines} lines; at most ${maxLines} are allowed` });
  }
  const visit = (node: ts.Node): void => {
    for (const message of judgeNode(node, file.path)) {
      found.push({ path: file.path, line: tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1, message });
    }
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

export function formatViolation({ path, line, message }: Violation): string {
  return `${path}:${line}  ${message}`;
}

function findPathViolations(path: string): string[] {
  const parts = path.split('/');
  const found: string[] = [];
  const banned = parts.map((part) => part.replace(/\..*$/, '')).find((name) => bannedNames.has(name));
  if (banned !== undefined) found.push(`is named "${banned}"; name it after the one thing it holds`);
  if (parts.length - 1 > maxDepth) found.push(`lies ${parts.length - 1} levels deep; bin/scap looks ${maxDepth} deep`);
  const folder = folderOf(path);
  if (folder === undefined) found.push('lies directly in src; put it into a folder that has a floor');
  else if (!hasFloor(folder)) found.push(`src/${folder} has no floor; give it one in test/support/source-rules.ts`);
  return found;
}

function judgeNode(node: ts.Node, path: string): string[] {
  const specifier = importedSpecifier(node);
  if (specifier !== undefined) return judgeImport(specifier, path, node);
  if (ts.isEnumDeclaration(node)) return ['declares an enum; use a union of string literals'];
  if (isDefaultExport(node)) return ['has a default export; export by name'];
  if (ts.isPropertyAssignment(node) && nameOf(node.name) === 'shell') {
    return node.initializer.kind === ts.SyntaxKind.TrueKeyword ? ['passes shell: true; spawn an argument array'] : [];
  }
  if (ts.isCallExpression(node) && calledName(node) === 'execSync') return ['calls execSync; spawn an argument array'];
  if (ts.isCallExpression(node) && isComputedRelativeImport(node)) return ['imports a computed relative path'];
  return [];
}

function judgeImport(specifier: string, path: string, node: ts.Node): string[] {
  const found: string[] = isDefaultExport(node) ? ['has a default export; export by name'] : [];
  const folder = folderOf(path);
  const confinedTo = confinedModules.get(specifier.replace(/^node:/, ''));
  if (confinedTo !== undefined && folder !== confinedTo) {
    found.push(`imports ${specifier}; only src/${confinedTo} may`);
  }
  if (!specifier.startsWith('.')) return found;
  if (!/\.(ts|json)$/.test(specifier)) found.push(`imports "${specifier}" without its .ts extension`);
  const target = posix.join(posix.dirname(path), specifier);
  if (target === 'package.json') return found;
  if (!target.startsWith('src/')) return [...found, `imports ${target}, which is outside of src`];
  const targetFolder = folderOf(target);
  if (folder === undefined || !hasFloor(folder) || targetFolder === undefined) return found;
  if (!mayImport(folder, targetFolder)) {
    found.push(`imports ${target}: ${explainRefusal(folder, targetFolder)}`);
  }
  return found;
}

function mayImport(from: string, to: string): boolean {
  if (from === to) return true;
  const toFloor = floors.get(to);
  if (toFloor === undefined) return false;
  if (from === pluginsFolder) return toFloor <= pluginsSeeUpTo;
  const fromFloor = floors.get(from);
  return fromFloor !== undefined && toFloor < fromFloor;
}

function explainRefusal(from: string, to: string): string {
  if (to === pluginsFolder) return 'nothing may import plugins, they are loaded by name';
  if (!hasFloor(to)) return `src/${to} has no floor`;
  const [fromFloor, toFloor] = [floors.get(from), floors.get(to)];
  if (from === pluginsFolder) return `plugins see up to floor ${pluginsSeeUpTo}, src/${to} is on floor ${toFloor}`;
  if (fromFloor === toFloor) return `src/${from} and src/${to} are neighbours on floor ${fromFloor}`;
  return `src/${from} is on floor ${fromFloor}, src/${to} above it on floor ${toFloor}`;
}

function hasFloor(folder: string): boolean {
  return folder === pluginsFolder || floors.has(folder);
}

/** The folder of src a path belongs to; undefined for a file directly in src. */
function folderOf(path: string): string | undefined {
  const parts = path.split('/');
  return parts.length > 2 ? parts[1] : undefined;
}

/** The module a node imports: import, export … from, import(), require() and import('…') types. */
function importedSpecifier(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return literalText(node.moduleSpecifier);
  if (ts.isImportTypeNode(node)) return ts.isLiteralTypeNode(node.argument) ? literalText(node.argument.literal) : '';
  if (ts.isExternalModuleReference(node)) return literalText(node.expression);
  if (!ts.isCallExpression(node)) return undefined;
  const loads = node.expression.kind === ts.SyntaxKind.ImportKeyword || calledName(node) === 'require';
  return loads ? literalText(node.arguments[0]) : undefined;
}

function isComputedRelativeImport(node: ts.CallExpression): boolean {
  const argument = node.arguments[0];
  if (node.expression.kind !== ts.SyntaxKind.ImportKeyword || argument === undefined) return false;
  if (ts.isTemplateExpression(argument)) return argument.head.text.startsWith('.');
  return ts.isBinaryExpression(argument) && (literalText(argument.left) ?? '').startsWith('.');
}

function isDefaultExport(node: ts.Node): boolean {
  if (ts.isExportAssignment(node)) return true;
  if (ts.isExportSpecifier(node)) return node.name.text === 'default';
  if (!ts.canHaveModifiers(node)) return false;
  return ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) ?? false;
}

function calledName({ expression }: ts.CallExpression): string | undefined {
  if (ts.isIdentifier(expression)) return expression.text;
  return ts.isPropertyAccessExpression(expression) ? expression.name.text : undefined;
}

function nameOf(name: ts.PropertyName): string | undefined {
  return ts.isIdentifier(name) || ts.isStringLiteral(name) ? name.text : undefined;
}

function literalText(node: ts.Node | undefined): string | undefined {
  return node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;
}
