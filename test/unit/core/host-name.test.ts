import { expect, it } from 'vitest';
import { parseHostName } from '../../../src/core/host-name.ts';

it.each(['web1', 'mw1001.eqiad.wmnet', '_x', '0', 'a'.repeat(253)])('parseHostName() takes %j', (text) => {
  expect(parseHostName(text)).toBe(text);
});

it.each(['', '-oProxyCommand=x', '.hidden', '..', 'a/b', 'a b', 'a\n', 'ü', 'a'.repeat(254), 'user@host', 'a:22'])(
  '[I14] parseHostName() refuses %j',
  (text) => {
    expect(parseHostName(text)).toBeUndefined();
  },
);
