import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { mapLimit } from '../../../src/core/map-limit.ts';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import { openFilesystemStore } from '../../../src/storage/filesystem.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { type ProxyFault, startFaultyProxy } from '../../support/faulty-proxy.ts';
import { type Fault, faultyStore } from '../../support/faulty-store.ts';
import { type Moto, startMoto } from '../../support/moto.ts';
import { startTestCluster } from '../../support/postgres.ts';
import {
  everyFault,
  FaultLab,
  type FaultyPlace,
  type OpenPlace,
  oneFaultEach,
  type StoreFault,
} from '../../torture/store-faults.ts';

/** One fault at each call by default, another one each day; `npm run torture` sets `all`: every fault at every call. */
const { TORTURE_FAULTS: amount = 'one' } = process.env;
const day = Math.floor(Date.now() / 86_400_000);
const timeoutMs = amount === 'all' ? 3_600_000 : 300_000;
/** Most of their time they wait for each other's servers. */
const atOnce = 4;

let cluster: Cluster;
let lab: FaultLab;
let moto: Moto;
let folder: WorkDirectory;
beforeAll(async () => {
  cluster = await startTestCluster();
  lab = await FaultLab.open(cluster);
  moto = await startMoto();
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-faults-' });
});
afterAll(async () => {
  for (const one of [folder, moto, cluster]) await one[Symbol.asyncDispose]();
});

const isWrite = (call: string) => /^(PUT|POST) /.test(call);
const isRead = (call: string) => /^GET [^?]*(\?x-id=GetObject)?$/.test(call);
const always = () => true;

const serviceFaults: readonly StoreFault<NonNullable<ProxyFault>>[] = [
  { name: '500', fault: { status: 500 }, fits: always, reasons: [] },
  { name: '503', fault: { status: 503 }, fits: always, reasons: [] },
  { name: 'a reset connection', fault: 'reset', fits: always, reasons: [] },
  { name: 'silence', fault: 'stall', fits: always, reasons: [] },
  { name: 'a lost answer', fault: 'lose_answer', fits: always, reasons: [] },
  { name: 'a full store', fault: { status: 507 }, fits: isWrite, reasons: ['store_full', 'store'] },
  { name: 'a short read', fault: 'cut_body', fits: isRead, reasons: [] },
  { name: 'a changed bit when written', fault: 'flip_bit', fits: isWrite, reasons: ['damaged', 'store'] },
  {
    name: 'a changed bit when read',
    fault: 'flip_answer',
    fits: isRead,
    reasons: ['not_proven', 'damaged', 'store', 'inconclusive'],
  },
];

const limits = { connectTimeoutMs: 2_000, idleTimeoutMs: 2_000, attempts: 2 };

async function openBucket(at: number, fault: ProxyFault): Promise<FaultyPlace> {
  const bucket = await moto.makeBucket();
  const direct = await moto.openStore({ bucket });
  const proxy = await startFaultyProxy(moto.endpoint, ({ number }) => (number === at ? fault : undefined));
  const faulty = await moto.openStore({ bucket, endpoint: proxy.endpoint, limits });
  return {
    direct,
    faulty,
    calls: proxy.requests,
    leftovers: () => moto.unfinishedUploads(bucket),
    async [Symbol.asyncDispose]() {
      for (const one of [faulty, proxy, direct]) await one[Symbol.asyncDispose]();
    },
  };
}

const isPut = (call: string) => call.startsWith('put ');
const isGet = (call: string) => call.startsWith('get ');

const folderFaults: readonly StoreFault<Fault>[] = [
  { name: 'an error of the device', fault: 'unavailable', fits: always, reasons: ['store'] },
  { name: 'no permission', fault: 'denied', fits: always, reasons: ['store'] },
  { name: 'a full disk', fault: 'full', fits: isPut, reasons: ['store_full'] },
  { name: 'a short write', fault: 'short_write', fits: isPut, reasons: ['damaged'] },
  { name: 'a short read', fault: 'short_read', fits: isGet, reasons: ['not_proven', 'damaged', 'inconclusive'] },
  {
    name: 'a changed bit when read',
    fault: 'bit_flip',
    fits: isGet,
    reasons: ['not_proven', 'damaged', 'inconclusive'],
  },
];

let folders = 0;

async function openFolder(at: number, fault: Fault | undefined): Promise<FaultyPlace> {
  const path = join(folder.path, String(++folders));
  const direct = await openFilesystemStore(path, systemClock);
  const { store, calls } = faultyStore(direct, fault === undefined ? -1 : at, fault ?? 'unavailable');
  return {
    direct,
    faulty: store,
    calls,
    leftovers: async () => (await readdir(join(path, '.growing'))).length,
    [Symbol.asyncDispose]: () => direct[Symbol.asyncDispose](),
  };
}

async function tryFaults<F>(open: OpenPlace<F>, faults: readonly StoreFault<F>[]) {
  const calls = await lab.callsOf(open);
  const planned = amount === 'all' ? everyFault(calls, faults) : oneFaultEach(calls, faults, day);
  const results = await mapLimit(planned, atOnce, (one) => lab.try(open, one));
  if (amount === 'all') console.log(`${results.length} faults at ${calls.length} calls`);
  return {
    calls,
    tried: new Set(planned.map(({ fault }) => fault.name)),
    problems: results.filter(({ problems }) => problems.length > 0),
  };
}

test(
  'one fault at each request to an S3 service in turn is got over or fails cleanly, and the next round is fine',
  async () => {
    const { calls, tried, problems } = await tryFaults(openBucket, serviceFaults);

    expect(problems).toEqual([]);
    expect(calls.length).toBeGreaterThan(20);
    expect([...tried].sort()).toEqual(serviceFaults.map(({ name }) => name).sort());
  },
  timeoutMs,
);

test(
  'one fault at each call of a folder in turn fails cleanly, and the next round is fine',
  async () => {
    const { calls, tried, problems } = await tryFaults(openFolder, folderFaults);

    expect(problems).toEqual([]);
    expect(calls.length).toBeGreaterThan(15);
    expect([...tried].sort()).toEqual(folderFaults.map(({ name }) => name).sort());
  },
  timeoutMs,
);
