import { isMap, isScalar, isSeq } from 'yaml';
import type { KeyPath } from './config-problem.ts';

export interface YamlVisit {
  readonly node: unknown;
  readonly path: KeyPath;
}

/** Calls `see` for every value of a YAML document with its key path, outer values first. Aliases are not followed. */
export function walkYaml(node: unknown, see: (visit: YamlVisit) => void, path: KeyPath = []): void {
  see({ node, path });
  if (isMap(node)) {
    for (const { key, value } of node.items) {
      walkYaml(value, see, [...path, String(isScalar(key) ? key.value : key)]);
    }
  } else if (isSeq(node)) {
    for (const [at, item] of node.items.entries()) walkYaml(item, see, [...path, at]);
  }
}
