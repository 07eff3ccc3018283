import { describe, expect, it } from 'vitest';
import type { ErrorReport } from '../../../src/core/errors.ts';
import { formatError } from '../../../src/report/format-error.ts';
import { denied } from './sample-events.ts';

const plain = { verbose: false, colour: false };

describe('formatError()', () => {
  it('[B34] names the configuration that was given in what is to be pasted', () => {
    const error = { code: 'usage', message: 'Cannot', hint: 'Deploy with: scap push PATH' } as const;
    expect(formatError(error, { ...plain, config: 'f.yaml' })).toContain('scap push --config f.yaml PATH');
  });

  it.each<[string, ErrorReport, readonly string[]]>([
    [
      'message and hint',
      denied,
      ['error: Cannot mkdir "/srv/cache/work": permission denied', '  hint: Give the user write access to that path'],
    ],
    ['a message alone', { code: 'usage', message: 'Cannot push: no path' }, ['error: Cannot push: no path']],
    [
      'several problems, indented as they are',
      {
        code: 'config_invalid',
        message: 'Cannot use "scap.yaml":\n  3:1 hosts: unknown key\n\n  4:2 port: expected a number\n',
      },
      ['error: Cannot use "scap.yaml":', '    3:1 hosts: unknown key', '    4:2 port: expected a number'],
    ],
    [
      'a bug with its stack, asking for a report',
      {
        code: 'bug',
        message: 'x is not a function',
        stack: 'TypeError: x is not a function\n    at f (/a.js:1:2)\n    at g',
      },
      [
        'error: Internal error: x is not a function',
        '    at f (/a.js:1:2)',
        '    at g',
        '  hint: This is a bug in scap: please report it with the lines above',
      ],
    ],
    [
      'control characters made harmless',
      { code: 'io_failed', message: 'Cannot read "\u001b[2Jx\u0007"' },
      ['error: Cannot read "x\\x07"'],
    ],
  ])('formats %s', (_what, report, lines) => {
    expect(formatError(report, plain).split('\n')).toEqual(lines);
  });

  it('adds code and facts when verbose', () => {
    const report = { ...denied, data: { path: '/srv', errno: 13 } };
    expect(formatError(report, { verbose: true, colour: false }).split('\n').slice(2)).toEqual([
      '  code: permission_denied',
      '  path: "/srv"',
      '  errno: 13',
    ]);
  });

  it('[B12] shows no secret, however verbose', () => {
    const url = 'https://bob:hunter2@git.example/x';
    const report: ErrorReport = {
      code: 'bug',
      message: `Cannot fetch ${url}`,
      hint: `Try ${url}`,
      stack: `Error: Cannot fetch ${url}\n    at fetch (${url})`,
      data: { url, password: 'hunter2', nested: { apiToken: 'hunter2', urls: [url] }, keyFile: '/k' },
    };
    const text = formatError(report, { verbose: true, colour: false });
    expect(text).not.toContain('hunter2');
    expect(text).toContain('nested: {"apiToken":"***","urls":["https://***@git.example/x"]}');
    expect(text).toContain('keyFile: "/k"');
  });

  it('colours only when asked', () => {
    expect(formatError({ code: 'usage', message: 'm' }, { verbose: false, colour: true })).toBe(
      '\u001b[31merror:\u001b[39m m',
    );
  });
});
