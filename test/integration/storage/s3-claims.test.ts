import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObjectStore } from '../../../src/storage/object-store.ts';
import { probeStore } from '../../../src/storage/probe.ts';
import { type FaultyProxy, startFaultyProxy } from '../../support/faulty-proxy.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { describeObjectStore } from '../../support/object-store-contract.ts';

let moto: Moto;
let ignoring: FaultyProxy;
let refusing: FaultyProxy;
beforeAll(async () => {
  moto = await startMoto();
  ignoring = await startFaultyProxy(moto.endpoint, () => 'ignore_condition');
  refusing = await startFaultyProxy(moto.endpoint, ({ isConditional }) =>
    isConditional ? { status: 501 } : undefined,
  );
});
afterAll(async () => {
  for (const one of [ignoring, refusing, moto]) await one[Symbol.asyncDispose]();
});

const signal = AbortSignal.timeout(100_000);
const limits = { connectTimeoutMs: 5_000, idleTimeoutMs: 5_000, attempts: 1 };

async function openThrough(proxy: FaultyProxy | undefined, bucket?: string): Promise<ObjectStore> {
  return moto.openStore({
    conditionalWrites: 'auto',
    limits,
    ...(proxy && { endpoint: proxy.endpoint }),
    ...(bucket !== undefined && { bucket }),
  });
}

describeObjectStore('on S3 that ignores If-None-Match', () => openThrough(ignoring));
describeObjectStore('on S3 that refuses If-None-Match', () => openThrough(refusing));

describe('before the first write it is found out what the service does with conditions', () => {
  test.each([
    ['one that ignores them', () => ignoring],
    ['one that refuses them', () => refusing],
  ])('%s gets claims, and people are told', async (_name, proxy) => {
    await using store = await openThrough(proxy());

    await probeStore(store, signal);

    expect(store.cautions?.()).toEqual([expect.stringContaining('does not honour If-None-Match')]);
  });

  test('one that honours them is used as it is, and nothing of the probe stays', async () => {
    await using store = await openThrough(undefined);

    await probeStore(store, signal);
    const keys: string[] = [];
    for await (const { key } of store.list('', signal)) keys.push(key);

    expect(store.cautions?.()).toEqual([]);
    expect(keys).toEqual([]);
  });

  test('one that is away is asked again', async () => {
    let away = true;
    await using proxy = await startFaultyProxy(moto.endpoint, () => (away ? 'reset' : undefined));
    await using store = await openThrough(proxy);

    await expect(store.put('a/b', Buffer.from('x'), signal)).rejects.toMatchObject({ kind: 'unavailable' });
    away = false;
    await store.put('a/b', Buffer.from('x'), signal);

    expect((await store.head('a/b', signal))?.sizeBytes).toBe(1);
  });

  test('a bucket that does not exist is named, not taken for a service without conditions', async () => {
    await using store = await openThrough(undefined, 'no-such-bucket');

    await expect(store.put('a/b', Buffer.from('x'), signal)).rejects.toThrow('the bucket does not exist');
  });
});
