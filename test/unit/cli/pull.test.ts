import { describe, expect, it } from 'vitest';
import { findHost } from '../../../src/cli/commands/pull.ts';
import { aHost } from '../../support/deploy-facts.ts';

const hosts = ['mw1', 'mw2.eqiad.example', 'mw3.eqiad.example', 'mw3.codfw.example'].map((name) => aHost(name));

describe('findHost()', () => {
  it.each([
    ['its short name', undefined, 'mw1', 'mw1'],
    ['its short name, where the machine knows the full one', undefined, 'mw1.eqiad.example', 'mw1'],
    ['its full name', undefined, 'mw3.codfw.example', 'mw3.codfw.example'],
    ['its full name, where the machine knows the short one', undefined, 'mw2', 'mw2.eqiad.example'],
    ['a short name that two have', undefined, 'mw3', undefined],
    ['the full name of another domain', undefined, 'mw2.codfw.example', undefined],
    ['a name nobody has', undefined, 'mw9', undefined],
    ['the name asked for, whatever the machine', 'mw1', 'mw2', 'mw1'],
    ['a name asked for that is not written like that', 'mw2', 'mw2', undefined],
  ])('%s', (_what, asked, machine, expected) => {
    expect(findHost(hosts, asked, machine)?.name).toBe(expected);
  });
});
