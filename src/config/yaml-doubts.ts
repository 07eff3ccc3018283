import { isScalar, type Scalar } from 'yaml';
import type { KeyPath } from './config-problem.ts';
import { walkYaml } from './yaml-walk.ts';

export interface YamlDoubt {
  readonly path: KeyPath;
  /** Of the value, in UTF-16 units from the start of the text. */
  readonly offset: number;
  readonly message: string;
}

/**
 * Finds unquoted values that mean something else in YAML 1.2 than in the YAML 1.1 that many people and tools still write:
 * `yes` and `off` are text, `010` is ten.
 */
export function findYamlDoubts(contents: unknown): YamlDoubt[] {
  const doubts: YamlDoubt[] = [];
  walkYaml(contents, ({ node, path }) => {
    if (!isScalar(node) || node.type !== 'PLAIN') return;
    const message = doubtAbout(node);
    if (message !== undefined) doubts.push({ path, offset: node.range?.[0] ?? 0, message });
  });
  return doubts;
}

function doubtAbout({ value, source = '' }: Scalar): string | undefined {
  if (typeof value === 'string' && /^(yes|no|on|off)$/i.test(value)) {
    const boolean = /^(yes|on)$/i.test(value);
    return `${source} is text here, not ${boolean}; write "${source}" or ${boolean}`;
  }
  if (typeof value === 'number' && /^[-+]?0\d/.test(source)) {
    return `${source} is the number ${value} here, not an octal number; write ${value} or "${source}"`;
  }
  return undefined;
}
