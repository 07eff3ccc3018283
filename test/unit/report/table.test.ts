import { describe, expect, it } from 'vitest';
import { displayWidth } from '../../../src/report/plain-text.ts';
import { formatTable } from '../../../src/report/table.ts';

const columns = [{ header: 'HOST' }, { header: 'FILES' }, { header: 'STATE' }];

describe('formatTable()', () => {
  it('aligns text to the left and numbers to the right, without trailing spaces', () => {
    const rows = [
      ['mw1001', 70012, 'ok'],
      ['宽', 3, undefined],
      ['x', undefined, 'drifted'],
    ];
    expect(formatTable(columns, rows)).toEqual([
      'HOST     FILES  STATE',
      'mw1001  70,012  ok',
      '宽           3',
      'x               drifted',
    ]);
  });

  it('prints the headers of an empty table', () => {
    expect(formatTable(columns, [])).toEqual(['HOST  FILES  STATE']);
  });

  it('makes cells safe', () => {
    expect(formatTable([{ header: 'A' }, { header: 'B' }], [['\u001b[31mx\ny\u0007', 'z']])).toEqual([
      'A        B',
      'x y\\x07  z',
    ]);
  });

  it('cuts lines to the width of the terminal', () => {
    const lines = formatTable(columns, [['mw1001', 70012, 'a long explanation']], { width: 20 });
    expect(lines).toEqual(['HOST     FILES  STA…', 'mw1001  70,012  a l…']);
    expect(formatTable(columns, [['宽字宽字', 1, 'x']], { width: 6 }).every((line) => displayWidth(line) <= 6)).toBe(
      true,
    );
  });

  it('aligns as told and colours without moving anything', () => {
    const style = (text: string) => `\u001b[1m${text}\u001b[22m`;
    const lines = formatTable([{ header: 'N', align: 'right', style }, { header: 'B' }], [['abc', 'x']], {
      headerStyle: style,
    });
    expect(lines).toEqual(['\u001b[1m  N\u001b[22m\u001b[1m  B\u001b[22m', '\u001b[1mabc\u001b[22m  x']);
  });
});
