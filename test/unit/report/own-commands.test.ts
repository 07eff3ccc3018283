import { describe, expect, it } from 'vitest';
import { withConfig } from '../../../src/report/own-commands.ts';

describe('withConfig()', () => {
  it.each([
    [
      'Deploy with: scap push PATH; or wait with: scap deploy-log --follow',
      'Deploy with: scap push -C PATH; or wait with: scap deploy-log -C --follow',
    ],
    ['scap status tells, scap push repairs', 'scap status -C tells, scap push -C repairs'],
    ["Compare, then: scap hosts trust 'mw[1:9]'", "Compare, then: scap hosts trust -C 'mw[1:9]'"],
    ['Make a new one with: scap plan push --save FILE', 'Make a new one with: scap plan push -C --save FILE'],
    ['Go on with: scap run p.json --resume', 'Go on with: scap run -C p.json --resume'],
    [
      'Can the user that runs scap log in? Did scap pushed? scap plan',
      'Can the user that runs scap log in? Did scap pushed? scap plan',
    ],
  ])('%j', (text, expected) => {
    expect(withConfig(text, './my fleet.yaml')).toBe(expected.replaceAll('-C', "--config './my fleet.yaml'"));
    expect(withConfig(text, undefined)).toBe(text);
  });
});
