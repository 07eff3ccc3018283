import { describe, expect, it } from 'vitest';
import { parseLogFilter } from '../../../src/report/log-filter.ts';

const failed = {
  level: 'error',
  type: 'task.failed',
  at: Date.parse('2026-03-04T05:06:07'),
  task: 'fetch@web1',
  stage: 'fetch',
  host: 'web1',
  durationMs: 2000,
  error: { code: 'permission_denied', message: 'Cannot mkdir "/srv/a b": permission denied' },
  data: { sentBytes: 8 * 1024 * 1024, result: 'c*d', swappedAt: 5 },
};
const sentence = 'web1: fetch failed after 2.0 s: Cannot mkdir "/srv/a b": permission denied';
const started = {
  level: 'info',
  type: 'run.started',
  at: Date.parse('2026-03-04T05:06:08'),
  n: 12,
  previous: null,
  hosts: ['web1', 'web2'],
  message: '',
  since: '2026-03-04T05:06:08.500Z',
};

const wants = (expression: string, event: Readonly<Record<string, unknown>>, text = sentence) =>
  parseLogFilter(expression)(event, text);

describe('parseLogFilter()', () => {
  it.each([
    // = and !=: the whole value, * and ?
    ['host=web1', true],
    ['host=web', false],
    ['host=web?', true],
    ['host=w*1', true],
    ['host=WEB1', false],
    ['host!=web2', true],
    ['host!=web*', false],
    ['host = web1', true],
    ['type=task.*', true],
    ['type=taskx*', false],
    ['durationMs=2000', true],
    ['data.result=c\\*d', true],
    ['data.result=c\\*', false],
    ['error.code=permission_denied', true],
    ['error.message="*a b*"', true],
    ['error.message=\'Cannot mkdir "/srv/a b"*\'', true],
    ['error.message="*\\"/srv/a b\\"*"', true],
    ['error.message=$', false],
    // ~ and !~: anywhere
    ['host~eb', true],
    ['host~^eb', false],
    ['host!~^eb', true],
    ['error.code~denied|full', true],
    ["error.message~'a\\sb'", true],
    ['error~permission', true],
    // numbers, in the unit of the field
    ['durationMs>=2000', true],
    ['durationMs>2000', false],
    ['durationMs>=2s', true],
    ['durationMs<2s', false],
    ['durationMs<=0.05m', true],
    ['data.sentBytes>=8MiB', true],
    ['data.sentBytes<8MiB', false],
    ['data.sentBytes>-1', true],
    ['host>1', false],
    // times, local when they name no zone
    ['at>=2026-03-04T05:06:07', true],
    ['at<2026-03-04T05:06:07', false],
    ['at>="2026-03-04 05:06"', true],
    ['at>2026-03-04', true],
    ['at<2026-03-05', true],
    ['data.swappedAt<1980-01-01T00:00Z', true],
    // levels
    ['level>=warn', true],
    ['level>error', false],
    ['level<fatal', true],
    ['level>=WARN', true],
    ['level=error', true],
    // texts
    ['permission', true],
    ['"PERMISSION denied"', true],
    ['"denied permission"', false],
    ['task.failed', true],
    ['50%', false],
    // all must hold
    ['host=web1 level>=warn "permission denied"', true],
    ['host=web1 level>error', false],
    ['  host=web1\tstage=fetch\n', true],
    ['', true],
    ['   ', true],
  ])('[B45] %j on a failed task: %s', (expression, expected) => {
    expect(wants(expression, failed)).toBe(expected);
  });

  it.each([
    // A field that is missing, or null, fulfils the negations alone.
    ['host=*', false],
    ['host!=web1', true],
    ['host~.*', false],
    ['host!~web', true],
    ['durationMs<1', false],
    ['durationMs>=0', false],
    ['previous=*', false],
    ['previous=null', false],
    ['previous!=*', true],
    ['error.code=*', false],
    ['n.code=1', false],
    ['toString=*', false],
    ['hosts.length=2', true],
    // A list: one element is enough, and the negation wants none.
    ['hosts=web2', true],
    ['hosts!=web2', false],
    ['hosts!=web3', true],
    ['hosts~^web', true],
    ['n>11', true],
    ['n<12', false],
    ['message=""', true],
    ['since>2026-03-04T05:06:08Z', true],
    ['since<2026-03-04T05:06:08Z', false],
    ['level>=warn', false],
  ])('[B45] %j on the start of a run: %s', (expression, expected) => {
    expect(wants(expression, started, '')).toBe(expected);
  });

  it('an event without a level, or with one nobody knows, is of none', () => {
    expect(wants('level>=debug', { type: 'a' })).toBe(false);
    expect(wants('level<=fatal', { type: 'a', level: 'loud' })).toBe(false);
  });

  it.each([
    ['host=', 4, 'there is no value after "host="'],
    ['host= level>=warn', 11, 'what follows "host=" holds an operator'],
    ['level>=loud', 7, '"loud" is no level; those are debug < info < warn < error < fatal'],
    ['a==b', 1, '"==" is no operator'],
    ['a=~b', 1, '"=~" is no operator'],
    ['a=>b', 1, '"=>" is no operator'],
    ['a b error~(', 10, '"(" is no regular expression: unterminated group'],
    ['x "abc', 2, 'this quote is not closed'],
    ['=x', 0, 'there is no field before "="'],
    ['"a b"=x', 0, '"a b" is no field before "="'],
    ['a..b=x', 0, '"a..b" is no field before "="'],
    ['""', 0, 'there is no text between the quotes'],
    ['host="a"b', 8, 'a space belongs after the quote'],
    ['durationMs>8MiB', 11, 'a size is for fields named …bytes, "durationMs" is none'],
    ['files>2s', 6, 'a duration is for fields named …Ms, "files" is none'],
    ['n>abc', 2, '"abc" is no number, duration, size or time'],
    ['at>2026-13-45', 3, '"2026-13-45" is no number, duration, size or time'],
    ['n>""', 2, '"" is no number, duration, size or time'],
  ])('[B45] refuses %j, pointing at character %i', (expression, at, problem) => {
    expect(() => parseLogFilter(expression)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringContaining(problem),
        hint: expect.stringContaining('level>=warn'),
        data: { expression, at },
      }),
    );
  });

  it('[B45] puts the mark below the place, whatever stands before it', () => {
    const lines = (expression: string) => {
      try {
        parseLogFilter(expression);
        return [];
      } catch (error) {
        return (error as Error).message.split('\n').slice(1);
      }
    };
    expect(lines('host=web1 n>abc')).toEqual(['  host=web1 n>abc', '              ^']);
    expect(lines('  host=web1 \t n>abc')).toEqual(['  host=web1 n>abc', '              ^']);
    expect(lines('漢字 n>abc')).toEqual(['  漢字 n>abc', '         ^']);
  });
});
