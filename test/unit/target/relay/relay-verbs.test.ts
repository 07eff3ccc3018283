import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createTargetLayout } from '../../../../src/target/layout.ts';
import {
  createRelayVerbs,
  isRelayVerb,
  ownAddress,
  type RelayVerbs,
} from '../../../../src/target/relay/relay-verbs.ts';
import type { RelayTicket } from '../../../../src/target/relay/ticket.ts';
import type { AgentNotice } from '../../../../src/transport/protocol.ts';
import { nameOf, randomContent, testPorts, useRelayWorld } from '../../../support/relay-world.ts';

const world = useRelayWorld();
const content = randomContent(300_000);
const blob = nameOf(content);
const listening = { ports: `${testPorts.first}-${testPorts.last}`, bwlimit: 0 };
const open: RelayVerbs[] = [];

afterEach(async () => {
  for (const verbs of open.splice(0)) await verbs.close();
});

function newTarget() {
  const layout = createTargetLayout(join(world.tempDir(), 'cache'), '/nowhere/live');
  mkdirSync(layout.work, { recursive: true });
  const verbs = createRelayVerbs(layout, '127.0.0.1');
  open.push(verbs);
  const notices: AgentNotice[] = [];
  const call = (verb: string, params: Record<string, unknown>) =>
    verbs.call(verb, { params, signal: new AbortController().signal, notify: (notice) => void notices.push(notice) });
  return { verbs, call, notices };
}

describe('createRelayVerbs()', () => {
  it('carries a blob from the deploy host through one target to another, and tells how far it is', async () => {
    const [source, child] = [newTarget(), newTarget()];
    for (const { call } of [source, child])
      expect(await call('blob-open', { blob, ...listening })).toEqual({ availableBytes: 0, whole: false });
    const ticket = await source.call('blob-grant', { blob, child: 'web2', ttlMs: 5000 });
    const taking = child.call('blob-take', { blob, ticket });
    expect(await source.verbs.give({ blob, offset: 0 }, content)).toEqual({ availableBytes: 300_000, whole: true });
    expect(await taking).toMatchObject({ receivedBytes: 300_000, resumedBytes: 0 });
    const progress = { kind: 'progress', step: 'receive', unit: 'bytes', total: 300_000 };
    expect(child.notices.at(-1)).toMatchObject(progress);
    expect(await child.call('blob-open', { blob, ...listening })).toEqual({ availableBytes: 300_000, whole: true });
  });

  it('a ticket that was revoked is of no use', async () => {
    const [source, child] = [newTarget(), newTarget()];
    for (const { call } of [source, child]) await call('blob-open', { blob, ...listening });
    const ticket = (await source.call('blob-grant', { blob, child: 'web2', ttlMs: 5000 })) as RelayTicket;
    await source.call('blob-revoke', { identity: ticket.identity });
    await expect(child.call('blob-take', { blob, ticket })).rejects.toMatchObject({ code: 'source_lost' });
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['a name that is no hash', 'blob-open', { blob: { sha256: '../../etc/passwd', sizeBytes: 1 }, ...listening }],
    ['ports that are none', 'blob-open', { blob, ports: '0-99999', bwlimit: 0 }],
    ['a rate below nothing', 'blob-open', { blob, ports: '9000', bwlimit: -1 }],
    ['a blob that was not opened', 'blob-take', { blob, ticket: {} }],
    ['a verb that there is none of', 'blob-steal', { blob }],
  ])('refuses %s', async (_what, verb, params) => {
    await expect(newTarget().call(verb, params)).rejects.toMatchObject({ code: 'protocol_violation' });
  });

  it.each<[string, string, Record<string, unknown>]>([
    ['a ticket that is none', 'blob-take', { blob, ticket: { address: '127.0.0.1; rm -rf /' } }],
    ['a ticket for no time', 'blob-grant', { blob, child: 'web2', ttlMs: 0 }],
  ])('refuses %s', async (_what, verb, params) => {
    const { call } = newTarget();
    await call('blob-open', { blob, ...listening });
    await expect(call(verb, params)).rejects.toMatchObject({ code: 'protocol_violation' });
  });

  it('tells its verbs from others', () => {
    expect(['blob-take', 'stage', 'receive'].map(isRelayVerb)).toEqual([true, false, false]);
  });
});

describe('ownAddress()', () => {
  it.each([
    ['10.0.0.1 50000 10.0.0.7 22', '10.0.0.7'],
    ['fe80::1 50000 2001:db8::7 22', '2001:db8::7'],
    ['UNKNOWN', '127.0.0.1'],
    [undefined, '127.0.0.1'],
  ])('SSH_CONNECTION=%s: %s', (SSH_CONNECTION, address) => {
    expect(ownAddress({ SSH_CONNECTION })).toBe(address);
  });
});
