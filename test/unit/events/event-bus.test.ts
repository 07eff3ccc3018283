import { describe, expect, it } from 'vitest';
import { createEventBus, type ScapEvent } from '../../../src/events/event.ts';

describe('createEventBus()', () => {
  it('tells every listener in the order they came, at once, with type and time', () => {
    const bus = createEventBus({ now: () => 42 });
    const seen: [string, ScapEvent][] = [];
    bus.listen((event) => seen.push(['first', event]));
    bus.listen((event) => seen.push(['second', event]));
    bus.emit('stage.started', { stage: 'fetch', tasks: 3 });
    const event = { type: 'stage.started', at: 42, stage: 'fetch', tasks: 3 };
    expect(seen).toEqual([
      ['first', event],
      ['second', event],
    ]);
  });

  it('tells nothing of what was before, and nothing after being stopped', () => {
    const bus = createEventBus();
    const seen: ScapEvent[] = [];
    bus.emit('stage.started', { stage: 'before', tasks: 0 });
    const stop = bus.listen((event) => seen.push(event));
    bus.emit('stage.started', { stage: 'during', tasks: 0 });
    stop();
    stop();
    bus.emit('stage.started', { stage: 'after', tasks: 0 });
    expect(seen.map((event) => event.type === 'stage.started' && event.stage)).toEqual(['during']);
  });

  it('a listener that throws is told nothing more, and keeps nobody else from being told', () => {
    const errors: unknown[] = [];
    const bus = createEventBus({ onListenerError: (error) => errors.push(error) });
    const seen: string[] = [];
    bus.listen(() => {
      throw new Error('a bug of a reader');
    });
    bus.listen(({ type }) => seen.push(type));
    bus.emit('stage.started', { stage: 'x', tasks: 0 });
    bus.emit('stage.started', { stage: 'x', tasks: 0 });
    expect([seen.length, errors]).toEqual([2, [new Error('a bug of a reader')]]);
  });

  it('a listener may stop itself while it is told', () => {
    const bus = createEventBus();
    let count = 0;
    const stop = bus.listen(() => {
      count++;
      stop();
    });
    bus.listen(() => count++);
    bus.emit('stage.started', { stage: 'x', tasks: 0 });
    bus.emit('stage.started', { stage: 'x', tasks: 0 });
    expect(count).toBe(3);
  });
});
