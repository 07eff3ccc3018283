import { describe, expect, it } from 'vitest';
import { parseYamlText } from '../../../src/config/yaml-text.ts';

describe('parseYamlText()', () => {
  it.each([
    ['a: "x\n', ['2:1 not valid YAML: missing closing "quote']],
    ['a:\n  - b\n c: 1\n', ['3:1 not valid YAML: all mapping items must start at the same column']],
    ['\ta: 1\n', ['1:1 not valid YAML: tabs are not allowed as indentation']],
    ['? [a]\n: 1\n', ['1:3 not valid YAML: with stringKeys, all keys must be strings']],
    ['a: 1\n---\nb: 2\n', ['2:1 expected one YAML document, found a second one']],
    ['a: [*]\n', ['1:5 text that starts with "*" must be quoted']],
    ['a: [*web]\n', ['1:5 "*web" is a YAML alias of nothing; text that starts with "*" must be quoted']],
    ['a: [!web1]\n', ['1:5 "!web1" is a YAML tag; text that starts with "!" must be quoted']],
    ['a: !!set {b}\n', ['1:4 "!!set" is a YAML tag; text that starts with "!" must be quoted']],
    ['a: &x {b: *x}\n', ['1:11 the YAML alias "*x" contains itself']],
    [
      'a: [!x, !y]\nb: "\n',
      [
        '3:1 not valid YAML: missing closing "quote',
        '1:5 "!x" is a YAML tag; text that starts with "!" must be quoted',
        '1:9 "!y" is a YAML tag; text that starts with "!" must be quoted',
      ],
    ],
  ])('names what is wrong with %j', (text, expected) => {
    const { syntaxProblems } = parseYamlText(text);
    expect(syntaxProblems.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual(expected);
  });

  it('does not multiply out aliases without end', () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x]'];
    for (let at = 1; at < 9; at++)
      lines.push(
        `a${at}: &a${at} [${Array(9)
          .fill(`*a${at - 1}`)
          .join(', ')}]`,
      );
    expect(parseYamlText(lines.join('\n')).syntaxProblems).toEqual([
      { line: 1, column: 1, path: [], message: 'too many YAML aliases' },
    ]);
  });

  it('reads keys as text and skips a byte order mark', () => {
    expect(parseYamlText('\ufeff010: a\ntrue: b\n')).toMatchObject({
      value: { '010': 'a', true: 'b' },
      syntaxProblems: [],
    });
  });

  it.each([
    [['a'], 'key', '1:1'],
    [['a'], 'value', '2:3'],
    [['a', 'b', 1], 'value', '2:10'],
    [['a', 'b', 9], 'value', '2:6'],
    [['a', 'missing', 'x'], 'key', '2:3'],
    [['c'], 'key', '3:1'],
    [['c', 'b', 0], 'value', '2:7'],
    [['missing'], 'value', '1:1'],
  ] as const)('knows where %j (%s) is written', (path, part, expected) => {
    const { line, column } = parseYamlText('a: &x\n  b: [1, 22]\nc: *x\n').positionOf(path, part);
    expect(`${line}:${column}`).toBe(expected);
  });

  it.each([
    ['a: yes', 'yes is text here, not true; write "yes" or true'],
    ['a: Off', 'Off is text here, not false; write "Off" or false'],
    ['a: 010', '010 is the number 10 here, not an octal number; write 10 or "010"'],
    ['a: "yes"', undefined],
    ["a: '010'", undefined],
    ['a: true', undefined],
    ['a: 0', undefined],
    ['a: 0.5', undefined],
    ['yes: a', undefined],
    ['a: nobody', undefined],
  ])('warns about %j: %s', (text, expected) => {
    const { warnings } = parseYamlText(text);
    expect(warnings).toEqual(expected === undefined ? [] : [{ line: 1, column: 4, path: ['a'], message: expected }]);
  });
});
