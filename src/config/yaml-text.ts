/**
 * YAML with places: plain data for the schema, and for any key path the line and column to complain about.
 *
 * The document is read as YAML 1.2 with text keys. Tags are refused and aliases must resolve: an unquoted `!mw1` or `*` is
 * one of them, and always a mistake here.
 */
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml';
import type { KeyPath, Position, Problem } from './config-problem.ts';
import { findYamlDoubts } from './yaml-doubts.ts';
import { walkYaml } from './yaml-walk.ts';

export interface YamlText {
  /** Plain data; an empty file is an empty object. Meaningless when {@link YamlText.syntaxProblems} is not empty. */
  readonly value: unknown;
  readonly syntaxProblems: readonly Problem[];
  /** Keys written twice, and `__proto__`, which some readers of plain data would pass over without a word. */
  readonly keyProblems: readonly Problem[];
  readonly warnings: readonly Problem[];
  /** Where the value at `path` (or its key) is written; for what is not there, the innermost thing around it that is. */
  readonly positionOf: (path: KeyPath, part?: 'key' | 'value') => Position;
}

interface Complaint {
  readonly offset: number;
  readonly message: string;
}

/** Parses `text`; never throws. */
export function parseYamlText(text: string): YamlText {
  const lineCounter = new LineCounter();
  const document = parseDocument(text, {
    lineCounter,
    prettyErrors: false,
    stringKeys: true,
    uniqueKeys: false,
    resolveKnownTags: false,
    // Nothing is printed; "silent" would also hide a second document.
    logLevel: 'error',
  });
  const positionAt = (offset: number): Position => {
    const { line, col } = lineCounter.linePos(offset);
    return { line, column: col };
  };
  const positionOf = (path: KeyPath, part: 'key' | 'value' = 'value') => positionAt(locate(document, path, part));
  const toProblem = ({ offset, message }: Complaint): Problem => ({ ...positionAt(offset), path: [], message });
  const syntaxProblems = findSyntaxComplaints(document, text).map(toProblem);
  if (syntaxProblems.length > 0) {
    return { value: undefined, syntaxProblems, keyProblems: [], warnings: [], positionOf };
  }
  const doubts = findYamlDoubts(document.contents);
  return {
    ...toPlainData(document),
    keyProblems: findKeyProblems(document).map(({ path, offset, message }) => ({
      ...positionAt(offset),
      path,
      message,
    })),
    warnings: doubts.map(({ path, offset, message }) => ({ ...positionAt(offset), path, message })),
    positionOf,
  };
}

function toPlainData(document: Document): Pick<YamlText, 'value' | 'syntaxProblems'> {
  try {
    return { value: document.toJS() ?? {}, syntaxProblems: [] };
  } catch {
    // What is left to go wrong: more nested aliases than the library is willing to multiply out.
    return { value: undefined, syntaxProblems: [{ line: 1, column: 1, path: [], message: 'too many YAML aliases' }] };
  }
}

function findSyntaxComplaints(document: Document.Parsed, text: string): Complaint[] {
  const errors = document.errors.map(({ code, pos: [offset], message }) => {
    if (code === 'BAD_ALIAS') return { offset, message: 'text that starts with "*" must be quoted' };
    if (code === 'MULTIPLE_DOCS') return { offset, message: 'expected one YAML document, found a second one' };
    return { offset, message: `not valid YAML: ${uncapitalised(message)}` };
  });
  const tags = document.warnings.map(({ code, pos: [start, end], message }) => {
    if (code !== 'TAG_RESOLVE_FAILED') return { offset: start, message: `not valid YAML: ${uncapitalised(message)}` };
    const tag = JSON.stringify(text.slice(start, end));
    return { offset: start, message: `${tag} is a YAML tag; text that starts with "!" must be quoted` };
  });
  return [...errors, ...tags, ...(errors.length === 0 ? findAliasComplaints(document) : [])];
}

function findAliasComplaints(document: Document): Complaint[] {
  const complaints: Complaint[] = [];
  visit(document, {
    Alias(_key, alias: Alias, ancestors) {
      const target = alias.resolve(document);
      const offset = alias.range?.[0] ?? 0;
      if (target === undefined) {
        const name = JSON.stringify(`*${alias.source}`);
        complaints.push({
          offset,
          message: `${name} is a YAML alias of nothing; text that starts with "*" must be quoted`,
        });
      } else if (ancestors.includes(target)) {
        complaints.push({ offset, message: `the YAML alias "*${alias.source}" contains itself` });
      }
    },
  });
  return complaints;
}

function findKeyProblems(document: Document.Parsed): (Complaint & { readonly path: KeyPath })[] {
  const found: (Complaint & { readonly path: KeyPath })[] = [];
  walkYaml(document.contents, ({ node, path }) => {
    if (!isMap(node)) return;
    const seen = new Set<string>();
    for (const { key } of node.items) {
      const name = keyText(key);
      const at = { path: [...path, name], offset: offsetOf(key) ?? 0 };
      if (seen.has(name)) found.push({ ...at, message: 'this key is written twice' });
      if (name === '__proto__') found.push({ ...at, message: 'this name is reserved' });
      seen.add(name);
    }
  });
  return found;
}

function locate(document: Document, path: KeyPath, part: 'key' | 'value'): number {
  let node: unknown = document.contents;
  let offset = offsetOf(node) ?? 0;
  for (const [at, step] of path.entries()) {
    const container: unknown = isAlias(node) ? node.resolve(document) : node;
    if (isMap(container)) {
      // The last of two equal keys is the one that counts.
      const pair: Pair | undefined = container.items.findLast(({ key }) => keyText(key) === step);
      if (pair === undefined) return offset;
      node = pair.value;
      const wantsKey = part === 'key' && at === path.length - 1;
      offset = (wantsKey ? undefined : offsetOf(node)) ?? offsetOf(pair.key) ?? offset;
    } else if (isSeq(container) && typeof step === 'number' && container.items[step] !== undefined) {
      node = container.items[step];
      offset = offsetOf(node) ?? offset;
    } else {
      return offset;
    }
  }
  return offset;
}

function keyText(key: unknown): string {
  return String(isScalar(key) ? key.value : key);
}

function offsetOf(node: unknown): number | undefined {
  return (node as Node | null | undefined)?.range?.[0];
}

function uncapitalised(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
