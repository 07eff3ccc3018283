/** The scheduler, driven over simulated networks: the times that theory gives, and what must hold whatever goes wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Fault, type SimulationOptions, simulate } from '../../../../scripts/lib/fanout/simulate.ts';
import type { HostName } from '../../../../src/core/host-name.ts';
import { egressBound } from '../../../../src/deploy/fanout/egress.ts';
import { deployHost, type Fanout, type Source } from '../../../../src/deploy/fanout/fanout.ts';
import { hostName } from '../../../support/deploy-facts.ts';
import { manyHosts, someRules } from '../../../support/fanout-facts.ts';

const gigabit = 125e6;

function run(
  hosts: number,
  sizeBytes: number,
  rules: Parameters<typeof someRules>[0],
  rest: Partial<SimulationOptions> = {},
) {
  return simulate({
    hosts: manyHosts(hosts),
    sizeBytes,
    rules: someRules(rules),
    uplink: 10 * gigabit,
    linkRate: gigabit,
    chunkBytes: 1e6,
    ...rest,
  });
}

describe('[I11] simulated times are those of the theory (10 Gb/s uplink, 1 Gb/s links, chunks of 1 MB)', () => {
  const star = { thresholdBytes: 1e12 };
  const tiers = (degree: number) => ({ degree, mode: 'store-and-forward' as const });
  /** Seconds, and by which share they may differ. Whole hosts and whole levels are rounded where the formulas divide. */
  it.each([
    ['star', 30, 19e6, star, 0.46, 0.02, 30],
    ['star', 300, 19e6, star, 4.6, 0.02, 300],
    ['tiers, store-and-forward', 30, 19e6, tiers(17), 0.53, 0.25, 17],
    ['tiers, store-and-forward', 300, 19e6, tiers(50), 1.7, 0.12, 50],
    ['tiers, store-and-forward', 3000, 19e6, tiers(167), 5.3, 0.05, 167],
    ['tiers, pipelined', 300, 19e6, { degree: 50 }, 0.8, 0.05, 50],
    ['binary tree, pipelined', 30, 19e6, { degree: 2 }, 0.35, 0.05, 2],
    ['binary tree, pipelined', 300, 19e6, { degree: 2 }, 0.42, 0.06, 2],
    ['binary tree, pipelined', 3000, 19e6, { degree: 2 }, 0.46, 0.06, 2],
    ['binary tree, pipelined', 300, 550e6, { degree: 2 }, 8.9, 0.02, 2],
    ['chain', 30, 19e6, { degree: 1 }, 0.41, 0.08, 1],
    ['chain', 300, 19e6, { degree: 1 }, 2.7, 0.07, 1],
    ['chain', 300, 550e6, { degree: 1 }, 7, 0.05, 1],
  ])('%s of %i hosts, %i bytes', (_what, hosts, sizeBytes, rules, seconds, tolerance, copies) => {
    const result = run(hosts, sizeBytes, rules);
    expect(Math.abs(result.seconds / seconds - 1)).toBeLessThanOrEqual(tolerance);
    expect(Math.round(result.egressBytes / sizeBytes)).toBe(copies);
    expect([...result.hosts.values()].every(({ receivedBytes }) => Math.round(receivedBytes) === sizeBytes)).toBe(true);
  });

  it.each([
    ['binary tree', 2, 160, 0.01],
    ['chain', 1, 83, 0.03],
  ])('%s of 300 hosts, 10 GB', (_what, degree, seconds, tolerance) => {
    // Chunks of 8 MB keep the test short; the theory's share of the chunks, N c/L, is taken off and put back at 1 MB.
    const chunkBytes = 8e6;
    const result = run(300, 10e9, { degree }, { chunkBytes, measureSeconds: 10 });
    const depth = Math.max(...[...result.hosts.values()].map(({ tier }) => tier));
    const atOneMegabyte = result.seconds - ((depth - 1) * degree * (chunkBytes - 1e6)) / gigabit;
    expect(Math.abs(atOneMegabyte / seconds - 1)).toBeLessThanOrEqual(tolerance);
  });

  it('adds the latency once per level', () => {
    const latencySeconds = 0.008;
    const added = run(30, 19e6, { degree: 1 }, { latencySeconds }).seconds - run(30, 19e6, { degree: 1 }).seconds;
    expect(added).toBeCloseTo(29 * latencySeconds, 3);
  });

  it('tells bytes by tier', () => {
    expect(run(6, 2e6, { degree: 2 }).bytesByTier.map(Math.round)).toEqual([0, 4e6, 8e6]);
  });
});

describe('[B14] what goes wrong costs time, and no host', () => {
  const chain = { degree: 1 };
  const at = (atSeconds: number, host: string) => ({ atSeconds, host: hostName(host) });

  it('heals a chain whose middle dies', () => {
    const { seconds, hosts } = run(20, 500e6, chain, { faults: [{ ...at(1.5, 'h7'), kind: 'dies' }] });
    expect(hosts.get(hostName('h7'))?.loss).toBe('gone');
    expect([...hosts.values()].filter(({ finishedAt }) => finishedAt === undefined)).toHaveLength(1);
    // 4.15 s undisturbed, and the second until the death is known.
    expect(seconds).toBeLessThan(5.5);
  });

  it('does not let a slow host hold up the chain behind it', () => {
    const slow = run(20, 500e6, chain, { faults: [{ ...at(0, 'h3'), kind: 'slows', rate: gigabit / 20 }] });
    const others = [...slow.hosts].filter(([name]) => name !== 'h3').map(([, { finishedAt = Infinity }]) => finishedAt);
    // All behind it would need 80 s.
    expect(Math.max(...others)).toBeLessThan(9);
    expect(slow.seconds).toBeLessThan(82);
  });

  it('takes what a slow source feeds to others', () => {
    const options = { faults: [{ ...at(0, 'h0'), kind: 'slows', rate: gigabit / 20 } as const] };
    const { hosts } = run(40, 500e6, { degree: 2 }, options);
    const others = [...hosts].filter(([name]) => name !== 'h0').map(([, { finishedAt = Infinity }]) => finishedAt);
    expect(Math.max(...others)).toBeLessThan(30);
  });
});

describe('[I8] [I11] whatever dies, slows or breaks, whenever', () => {
  const size = 40e6;
  const anyFault = (hosts: number) =>
    fc.record({
      atSeconds: fc.double({ min: 0, max: 0.8, noNaN: true }),
      // More often one of the first, which feed the others.
      host: fc.oneof(fc.nat({ max: Math.min(2, hosts - 1) }), fc.nat({ max: hosts - 1 })).map((n) => hostName(`h${n}`)),
      what: fc.constantFrom('dies', 'slows', 'breaks', 'corrupts'),
    });
  const anyRun = fc.integer({ min: 1, max: 30 }).chain((hosts) =>
    fc.record({
      places: fc.array(
        fc.record({
          site: fc.constantFrom(undefined, 'x', 'y'),
          rack: fc.constantFrom(undefined, '1', '2'),
          offset: fc.constantFrom(0, 0, 0, 7e6, 23.5e6),
          whole: fc.constantFrom(false, false, false, false, true),
        }),
        { minLength: hosts, maxLength: hosts },
      ),
      /** Whether anybody holds anything before. */
      isFresh: fc.boolean(),
      /** The second is too seldom to find anybody slow; dead sources are then left until their deaths are known. */
      measureSeconds: fc.constantFrom(0.1, 100),
      mode: fc.constantFrom('pipelined' as const, 'store-and-forward' as const),
      degree: fc.integer({ min: 1, max: 4 }),
      attempts: fc.integer({ min: 1, max: 3 }),
      site: fc.constantFrom(undefined, 'x'),
      faults: fc.array(anyFault(hosts), { maxLength: 12 }),
    }),
  );

  it('every host ends whole or failed with a cause, and degree, egress, offsets and the absence of loops hold at every step', () => {
    fc.assert(
      fc.property(anyRun, ({ places: given, isFresh, measureSeconds, mode, degree, attempts, site, faults }) => {
        const rules = someRules({ mode, degree, attempts });
        const places = given.map((where) => (isFresh ? { ...where, offset: 0, whole: false } : where));
        const result = simulate({
          hosts: places.map((where, at) => ({ name: hostName(`h${at}`), ...where })),
          deployHostPlace: { site, rack: undefined },
          sizeBytes: size,
          rules,
          uplink: 2 * gigabit,
          linkRate: gigabit,
          chunkBytes: 1e6,
          detectSeconds: 0.1,
          measureSeconds,
          faults: faults.map((fault) => ({ ...fault, kind: fault.what, rate: gigabit / 10 }) as Fault),
          onStep: createWatch(),
          maxSeconds: 600,
        });
        for (const [name, { loss, finishedAt }] of result.hosts) {
          const own = faults.filter(({ host }) => host === name);
          const broke = own.filter(({ what }) => what === 'breaks' || what === 'corrupts').length;
          const wasWhole = finishedAt !== undefined || places[Number(name.slice(1))]?.whole === true;
          if (loss === 'gone') expect(own.some(({ what }) => what === 'dies')).toBe(true);
          else if (loss === 'given-up') expect(broke).toBeGreaterThanOrEqual(attempts);
          else expect(wasWhole).toBe(true);
        }
        // What was under way when a copy ended early has been sent and never arrived: a tick's worth at most.
        expect(result.egressBytes).toBeLessThanOrEqual(egressBound(result.fanout) + 1);
        if (result.fanout.losses === 0) expect(result.egressBytes).toBeLessThanOrEqual(degree * size + 1);
      }),
      { numRuns: 120 },
    );
  });

  /** Looks at every state of affairs after a step, and at what became of the one before. */
  function createWatch() {
    let before: Fanout | undefined;
    return (fanout: Fanout) => {
      const { hosts, rules } = fanout;
      const copies = new Map<Source, number>();
      for (const host of hosts.values()) {
        if (host.from !== undefined) copies.set(host.from, (copies.get(host.from) ?? 0) + 1);
        const earlier = before?.hosts.get(host.name);
        if (!host.wasCorrupt) expect(host.offset).toBeGreaterThanOrEqual(earlier?.offset ?? 0);
        if (earlier?.status === 'failed') expect(host.status).toBe('failed');
        const chain = new Set<Source>();
        for (let at: Source | undefined = host.name; at !== undefined && at !== deployHost; ) {
          expect(chain.has(at)).toBe(false);
          chain.add(at);
          at = hosts.get(at as HostName)?.from;
        }
      }
      for (const count of copies.values()) expect(count).toBeLessThanOrEqual(rules.degree);
      expect(fanout.sentBytes).toBeLessThanOrEqual(egressBound(fanout) + 1);
      before = fanout;
    };
  }
});
