import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { withBandwidth } from '../../../src/storage/bandwidth.ts';
import { withConcurrency } from '../../../src/storage/concurrency.ts';
import { type ObjectStore, passingOn, readWhole } from '../../../src/storage/object-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { describeObjectStore } from '../../support/object-store-contract.ts';

const signal = new AbortController().signal;
const second = 1_000;

describeObjectStore('with a limited bandwidth', async () => withBandwidth(new MemoryStore(), 2 ** 30, systemClock));
describeObjectStore('with one transfer at once', async () => withConcurrency(new MemoryStore(), 1));

/** Chunks of 1 MiB. */
function body(chunks: number): Readable {
  return Readable.from(Array.from({ length: chunks }, () => Buffer.alloc(2 ** 20)));
}

describe('a bandwidth of 1 MiB/s', () => {
  function setUp() {
    const clock = new ManualClock('2026-03-02T02:00:00Z');
    const memory = new MemoryStore();
    return { clock, memory, store: withBandwidth(memory, 2 ** 20, clock) };
  }

  test('takes ten seconds for ten MiB, not less and not much more', async () => {
    const { clock, memory, store } = setUp();

    const put = store.put('a/b', body(10), signal);
    await clock.advance(9.9 * second);
    const early = memory.objects.has('a/b');
    await clock.advance(0.2 * second);
    await put;

    expect([early, memory.objects.has('a/b')]).toEqual([false, true]);
  });

  test('is shared by what is written and read at once', async () => {
    const { clock, memory, store } = setUp();
    await memory.put('a/old', body(5), signal);
    let done = 0;
    const both = [store.put('a/new', body(5), signal), readWhole(store, 'a/old', signal)].map((one) =>
      one.then(() => done++),
    );

    await clock.advance(9.9 * second);
    const early = done;
    await clock.advance(0.2 * second);
    await Promise.all(both);

    expect(early).toBeLessThan(2);
    expect(done).toBe(2);
  });

  test('a wait ends when the caller gives up', async () => {
    const { clock, store } = setUp();
    const stop = new AbortController();

    const put = store.put('a/b', body(10), stop.signal);
    put.catch(() => undefined);
    await clock.advance(2 * second);
    stop.abort(new Error('stopped by SIGTERM'));

    await expect(put).rejects.toThrow('stopped by SIGTERM');
    expect(clock.sleeping).toBe(0);
  });

  test('does not slow down the renewal of a lease', async () => {
    const { clock, store } = setUp();
    const put = store.put('a/b', body(5), signal);
    await clock.advance(0.1 * second);

    const renewed = await store.putIfAbsent('.leases/x/1', Buffer.from('{}'), signal);
    await clock.advance(10 * second);
    await put;

    expect(renewed).toBe(true);
  });
});

describe('a limit of transfers', () => {
  /** A store whose streams are stored only when the test lets them. */
  function setUp(transfers: number) {
    const memory = new MemoryStore();
    const begun: string[] = [];
    const gates: (() => void)[] = [];
    const slow: ObjectStore = {
      ...passingOn(memory),
      async put(key, content, from) {
        begun.push(key);
        if (content instanceof Readable) await new Promise<void>((resolve) => gates.push(resolve));
        return memory.put(key, content, from);
      },
    };
    return { memory, begun, letOneGo: () => gates.shift()?.(), store: withConcurrency(slow, transfers) };
  }
  const settled = () => new Promise((resolve) => setTimeout(resolve, 20));

  test('makes further ones wait for their turn', async () => {
    const { begun, letOneGo, store } = setUp(2);

    const puts = ['a/1', 'a/2', 'a/3', 'a/4'].map((key) => store.put(key, body(1), signal));
    await settled();
    const first = [...begun];
    letOneGo();
    await settled();
    const next = [...begun];
    for (let left = 0; left < 3; left++) {
      letOneGo();
      await settled();
    }
    await Promise.all(puts);

    expect(first).toEqual(['a/1', 'a/2']);
    expect(next).toEqual(['a/1', 'a/2', 'a/3']);
  });

  test('lets manifests and leases pass', async () => {
    const { letOneGo, memory, store } = setUp(1);
    await memory.put('a/manifest.json', Buffer.from('{}'), signal);
    const dump = store.put('a/dump', body(1), signal);
    await settled();

    await store.put('b/manifest.json', Buffer.from('{}'), signal);
    const manifest = await readWhole(store, 'a/manifest.json', signal);
    letOneGo();
    await dump;

    expect(manifest.toString()).toBe('{}');
  });

  test('a read holds its place until it is closed, and who gives up waiting takes none', async () => {
    const { memory, store } = setUp(1);
    await memory.put('a/dump', body(3), signal);
    const stop = new AbortController();

    const reading = await store.get('a/dump', signal);
    const givenUp = store.get('a/dump', stop.signal);
    stop.abort(new Error('enough'));
    await expect(givenUp).rejects.toThrow('enough');
    const waiting = store.get('a/dump', signal);
    reading.destroy();
    const content = await (await waiting).toArray();

    expect(Buffer.concat(content).length).toBe(3 * 2 ** 20);
  });

  test('an upload that fails gives its place back', async () => {
    const store = withConcurrency(new MemoryStore(), 1);
    const broken = Readable.from(
      (async function* () {
        yield Buffer.from('x');
        throw new Error('pg_dump exited with code 1');
      })(),
    );

    await expect(store.put('a/1', broken, signal)).rejects.toThrow('pg_dump');
    await store.put('a/2', body(1), signal);

    expect((await store.head('a/2', signal))?.sizeBytes).toBe(2 ** 20);
  });
});
