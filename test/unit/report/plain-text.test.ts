import { describe, expect, it } from 'vitest';
import { displayWidth, padText, redactSecrets, toOneLine, truncateText } from '../../../src/report/plain-text.ts';

describe('toOneLine()', () => {
  it.each([
    ['leaves plain text alone', 'Cannot stat "a b": no such file', 'Cannot stat "a b": no such file'],
    ['keeps other scripts and emoji', 'naïve 宽 🙂', 'naïve 宽 🙂'],
    ['removes colours and other escape sequences', '\u001b[31mred\u001b[0m \u001b]0;title\u0007x', 'red x'],
    ['joins lines', ' one\r\n  two\u2028three\n', 'one two three'],
    ['shows control characters', 'a\u0007b\u0000c\u007f', 'a\\x07b\\x00c\\x7f'],
    ['shows direction marks', 'a\u202eb', 'a\\u202eb'],
    ['shows lone surrogates', 'a\ud800b', 'a\\ud800b'],
    ['redacts', 'cannot clone https://bob:hunter2@git.example/x', 'cannot clone https://***@git.example/x'],
    ['redacts what an escape sequence would hide', 'https://bob:\u001b[0mhunter2@git', 'https://***@git'],
    ['limits the length', 'x'.repeat(2000), `${'x'.repeat(999)}…`],
  ])('%s', (_what, text, line) => {
    expect(toOneLine(text)).toBe(line);
  });
});

describe('redactSecrets()', () => {
  it.each([
    ['https://bob:hunter2@git.example/x', 'https://***@git.example/x'],
    ['https://ghp_0123456789@github.com/x', 'https://***@github.com/x'],
    ['HTTPS://a:b@c and http://d:e@f', 'HTTPS://***@c and http://***@f'],
    ['https://bob:p@ss@git.example', 'https://***@git.example'],
    ['https://bob:p#s?s@git.example', 'https://***@git.example'],
    ['ssh://git:hunter2@host:22/x', 'ssh://git:***@host:22/x'],
    ['redis://:hunter2@host', 'redis://:***@host'],
    ['ssh://git@host:22/x', 'ssh://git@host:22/x'],
    ['ssh://host:22/a@b', 'ssh://host:22/a@b'],
    ['https://example.org/@alice', 'https://example.org/@alice'],
    ['git@github.com:x/y', 'git@github.com:x/y'],
  ])('%s → %s', (text, redacted) => {
    expect(redactSecrets(text)).toBe(redacted);
  });
});

describe('displayWidth()', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['宽字', 4],
    ['한', 2],
    ['🙂', 2],
    ['❤\ufe0f', 2],
    ['\u001b[31mred\u001b[0m', 3],
    ['…', 1],
  ])('%j takes %i columns', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

describe('truncateText()', () => {
  it.each([
    ['abc', 3, 'abc'],
    ['abcd', 3, 'ab…'],
    ['宽字符', 6, '宽字符'],
    ['宽字符', 5, '宽字…'],
    ['宽字符', 4, '宽…'],
    ['宽', 1, '…'],
    ['a🙂b', 3, 'a…'],
    ['abc', 0, ''],
    ['', 0, ''],
  ])('%j to %i columns', (text, width, expected) => {
    expect(truncateText(text, width)).toBe(expected);
  });
});

describe('padText()', () => {
  it('pads by columns, to either side, and cuts nothing off', () => {
    expect(padText('宽', 4)).toBe('宽  ');
    expect(padText('7', 3, 'right')).toBe('  7');
    expect(padText('long', 2)).toBe('long');
  });
});
