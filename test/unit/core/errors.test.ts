import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  type ErrorCode,
  fromErrorReport,
  isErrorCode,
  isSystemError,
  ScapError,
  toErrorReport,
  toExitStatus,
  toScapError,
} from '../../../src/core/errors.ts';

function systemError(code: string, fields: { readonly syscall?: string; readonly path?: string } = {}): Error {
  return Object.assign(new Error(`${code}: from the kernel`), { code, ...fields });
}

describe('toExitStatus()', () => {
  const table: readonly (readonly [ErrorCode, number])[] = [
    ['usage', 2],
    ['revision_unknown', 2],
    ['path_unknown', 2],
    ['config_invalid', 3],
    ['tool_missing', 3],
    ['staging_missing', 3],
    ['lock_held', 4],
    ['hold_placed', 4],
    ['check_failed', 5],
    ['disk_full', 5],
    ['process_timeout', 5],
    ['rollback_failed', 6],
    ['staging_changed', 7],
    ['staging_uncapturable', 7],
    ['staging_shrank', 7],
    ['staging_empty', 7],
    ['fence_stale', 7],
    ['world_moved', 7],
    ['hosts_behind', 1],
    ['drift_found', 1],
    ['interrupted', 130],
    ['bug', 70],
  ];

  it.each(table)('[B50] %s ends a command with %i', (code, status) => {
    expect(toExitStatus(new ScapError(code, 'Cannot'))).toBe(status);
  });

  it.each([
    ['ENOSPC', 5],
    ['EDQUOT', 5],
    ['EIO', 5],
    ['ENOENT', 5],
    ['EACCES', 3],
    ['EPERM', 3],
    ['EROFS', 3],
  ])('[B50] %s that escapes is no bug: %i', (code, status) => {
    expect(toExitStatus(systemError(code))).toBe(status);
    expect(toExitStatus(new Error('around it', { cause: systemError(code) }))).toBe(70);
  });

  it('[B50] anything else that escapes is a bug: 70', () => {
    expect(toExitStatus(systemError('ERR_INVALID_ARG_TYPE'))).toBe(70);
    expect(toExitStatus(new TypeError('x'))).toBe(70);
    expect(toExitStatus('thrown text')).toBe(70);
    expect(toExitStatus(undefined)).toBe(70);
  });
});

describe('toErrorReport()', () => {
  it('keeps code, message, hint and data across the wire', () => {
    const error = new ScapError('disk_full', 'Cannot write', { hint: 'Free space', data: { path: '/a' } });
    const again = fromErrorReport(JSON.parse(JSON.stringify(toErrorReport(error))));
    expect(again).toMatchObject({
      code: 'disk_full',
      message: 'Cannot write',
      hint: 'Free space',
      data: { path: '/a' },
    });
  });

  it('leaves out what there is none of', () => {
    expect(toErrorReport(new ScapError('usage', 'Cannot'))).toEqual({ code: 'usage', message: 'Cannot' });
  });

  it('keeps the stack of a bug, and only of a bug', () => {
    expect(toErrorReport(new TypeError('x is not a function'))).toEqual({
      code: 'bug',
      message: 'x is not a function',
      stack: expect.stringContaining('errors.test.ts') as string,
    });
    expect(toErrorReport('text')).toEqual({ code: 'bug', message: 'text' });
  });

  it('takes a code of a newer peer for a failed run and keeps its words', () => {
    const error = fromErrorReport({ code: 'moon_full' as ErrorCode, message: 'Cannot howl' });
    expect(error).toMatchObject({ code: 'run_failed', message: 'Cannot howl' });
  });
});

describe('toScapError()', () => {
  it.each([
    ['ENOSPC', 'disk_full', 'Cannot write "/d/f": no space left on the device'],
    ['EDQUOT', 'disk_full', 'Cannot write "/d/f": no space left on the device'],
    ['EACCES', 'permission_denied', 'Cannot write "/d/f": permission denied'],
    ['EPERM', 'permission_denied', 'Cannot write "/d/f": operation not permitted'],
    ['EROFS', 'permission_denied', 'Cannot write "/d/f": the file system is read-only'],
    ['EIO', 'io_failed', 'Cannot write "/d/f": input/output error'],
    ['EXDEV', 'io_failed', 'Cannot write "/d/f": EXDEV'],
  ])('gives %s the meaning %s', (code, expected, message) => {
    const error = systemError(code, { syscall: 'write', path: '/d/f' });
    expect(toScapError(error)).toMatchObject({ code: expected, message, cause: error });
  });

  it('does without a path and a system call', () => {
    expect(toScapError(systemError('EIO'))?.message).toBe('Cannot access: input/output error');
  });

  it('leaves a ScapError as it is, and a bug alone', () => {
    const error = new ScapError('usage', 'Cannot');
    expect(toScapError(error)).toBe(error);
    expect(toScapError(new Error('bug'))).toBeUndefined();
  });
});

describe('isSystemError()', () => {
  it('knows what the kernel said from what Node says', () => {
    let caught: unknown;
    try {
      readFileSync('/does/not/exist');
    } catch (error) {
      caught = error;
    }
    expect(isSystemError(caught)).toBe(true);
    expect(isSystemError(caught, 'ENOENT')).toBe(true);
    expect(isSystemError(caught, 'EACCES', 'EPERM')).toBe(false);
    expect(isSystemError(systemError('ERR_INVALID_ARG_TYPE'))).toBe(false);
    expect(isSystemError({ code: 'ENOENT' })).toBe(false);
  });
});

it('isErrorCode() knows our codes, and not what objects inherit', () => {
  expect(isErrorCode('lock_held')).toBe(true);
  expect(isErrorCode('toString')).toBe(false);
  expect(isErrorCode(7)).toBe(false);
});
