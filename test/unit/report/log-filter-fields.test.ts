import { describe, expect, it } from 'vitest';
import { refuseUnknownFields } from '../../../src/report/log-filter-fields.ts';

describe('refuseUnknownFields()', () => {
  it.each([
    ['host=web1 level>=warn durationMs>2s at>2026-01-01 type=task.*'],
    ['error.code~denied error.data.path=/x error~x'],
    ['data.sentBytes>8MiB data.a.b.c=1 counts.not-attempted>0 difference.bytes>1MiB'],
    ['hosts.length>3 hosts.0=web1'],
    ['"hots=1" nothing'],
    [''],
  ])('lets %j through', (expression) => {
    expect(() => refuseUnknownFields(expression)).not.toThrow();
  });

  it.each([
    ['hots=web1', 0, 'hots', 'Did you mean "hosts"?'],
    ['host=a Duration_ms>2s', 7, 'Duration_ms', 'Did you mean "durationMs"?'],
    ['hots!=web1', 0, 'hots', 'Did you mean "hosts"?'],
    ['error.kode=x', 0, 'error.kode', 'Did you mean "error.code"?'],
    ['host.name=web1', 0, 'host.name', 'See the fields'],
    ['counts.lost>0', 0, 'counts.lost', 'See the fields'],
    ['toString=x', 0, 'toString', 'See the fields'],
    ['zzzzzz=x', 0, 'zzzzzz', 'See the fields'],
  ])('[B45] refuses %j', (expression, at, field, hint) => {
    expect(() => refuseUnknownFields(expression)).toThrow(
      expect.objectContaining({
        code: 'usage',
        message: expect.stringContaining(`no event has a field "${field}"\n`),
        hint: expect.stringMatching(new RegExp(`^${hint.replace('?', '\\?')}`)),
        data: { expression, at },
      }),
    );
  });
});
