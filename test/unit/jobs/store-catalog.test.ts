import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { PieceHashes, usualPieceSizes } from '../../../src/jobs/pieces.ts';
import { sealedJson } from '../../../src/jobs/sealed-json.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { type ObjectStore, type StoredObject, StoreError } from '../../../src/storage/object-store.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleId, sampleManifest, storeBackup } from '../../support/sample-backup.ts';

const first = { at: '2026-03-01T02:00:00Z' };
const second = { at: '2026-03-02T02:00:00Z' };

/** A catalog whose store takes a second for each listing, and whose listings are counted. */
function setUp() {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const store = new MemoryStore(() => clock.now());
  const listings = { begun: 0, ended: 0 };
  const slowStore = {
    get: store.get.bind(store),
    async *list(prefix: string, signal: AbortSignal): AsyncIterable<StoredObject> {
      // Marks are listed after the backups; what counts here are those.
      if (prefix.startsWith('.')) return;
      listings.begun++;
      const found = await Array.fromAsync(store.list(prefix, signal));
      await clock.sleep(1_000, signal);
      yield* found;
      listings.ended++;
    },
  };
  const signal = new AbortController().signal;
  return { clock, store, listings, signal, catalog: new StoreCatalog('local', slowStore, clock) };
}

test('those who ask at once share one listing, and so do those who ask soon after', async () => {
  const { clock, store, listings, signal, catalog } = setUp();
  storeBackup(store, first);

  const reads = [catalog.read('payments', signal), catalog.read('payments', signal)];
  await clock.advance(1_000);
  const found = await Promise.all(reads);
  await clock.advance(10_000);
  found.push(await catalog.read('payments', signal));

  expect(found.map(({ entries }) => entries.length)).toEqual([1, 1, 1]);
  expect(listings.begun).toBe(1);
});

test('after a quarter of a minute the store is asked again', async () => {
  const { clock, listings, signal, catalog } = setUp();

  for (let read = 0; read < 2; read++) {
    const reading = catalog.read('payments', signal);
    await clock.advance(16_000);
    await reading;
  }

  expect(listings.begun).toBe(2);
});

test('a listing from before a change is neither joined nor remembered after it', async () => {
  const { clock, store, signal, catalog } = setUp();
  storeBackup(store, first);

  const before = catalog.read('payments', signal);
  await clock.advance(500);
  storeBackup(store, second);
  catalog.forget('payments');
  const after = catalog.read('payments', signal);
  await clock.advance(2_000);
  const later = await catalog.read('payments', signal);

  expect((await before).entries).toHaveLength(1);
  expect((await after).entries.map(({ manifest }) => manifest.id)).toEqual([sampleId(second), sampleId(first)]);
  expect(later.entries).toHaveLength(2);
});

test('who gives up ends the listing for nobody else', async () => {
  const { clock, listings, signal, catalog } = setUp();
  const impatient = new AbortController();

  const given = catalog.read('payments', impatient.signal).catch((error) => error.message);
  const patient = catalog.read('payments', signal);
  impatient.abort(new Error('too slow'));
  await clock.advance(1_000);

  expect(await given).toBe('too slow');
  expect((await patient).entries).toEqual([]);
  expect(listings).toEqual({ begun: 1, ended: 1 });
});

test('when all have given up the listing is ended, and the next one asks anew', async () => {
  const { clock, listings, signal, catalog } = setUp();
  const impatient = new AbortController();

  const given = catalog.read('payments', impatient.signal).catch((error) => error.message);
  await clock.settle();
  impatient.abort(new Error('too slow'));
  await given;
  const next = catalog.read('payments', signal);
  await clock.advance(1_000);

  expect((await next).entries).toEqual([]);
  expect(listings).toEqual({ begun: 2, ended: 1 });
  expect(clock.sleeping).toBe(0);
});

test.each(['manifest.json', 'verified-20260302T020100Z.json'])(
  'a %s that came damaged, or was repaired since, is read again; a good one is not',
  async (name) => {
    const clock = new ManualClock('2026-03-02T09:00:00Z');
    const store = new MemoryStore(() => clock.now());
    const signal = new AbortController().signal;
    storeBackup(store, { ...second, verdict: 'proven' });
    const key = `payments/${sampleId(second)}/${name}`;
    let reads = 0;
    let damage: 'cut' | 'changed' | undefined;
    const damaging = {
      list: store.list.bind(store),
      async get(asked: string) {
        if (asked === key) reads++;
        if (asked === key && damage === 'cut') throw new StoreError('damaged', 'fewer bytes than promised');
        return asked === key && damage === 'changed' ? Readable.from([Buffer.from('{')]) : store.get(asked, signal);
      },
    };
    const catalog = new StoreCatalog('local', damaging, clock);
    const look = async () => {
      catalog.forget('payments');
      const { entries, unreadable } = await catalog.read('payments', signal);
      return unreadable.length === 0 && entries[0]?.unreadableReports.length === 0;
    };

    const seen: boolean[] = [];
    for (damage of ['cut', 'changed', undefined, undefined] as const) seen.push(await look());

    expect(seen).toEqual([false, false, true, true]);
    expect(reads).toBe(3);
  },
);

test('manifests of backups of terabytes are read one at a time, small ones together', async () => {
  const { clock, store, signal } = setUp();
  const chunks = new PieceHashes(Buffer.alloc(32 * 30_000));
  const days = [1, 2, 3].map((day) => `2026-03-0${day}T`);
  for (const day of days) {
    storeBackup(store, { at: `${day}02:00:00Z` });
    const large = sampleManifest({ at: `${day}03:00:00Z` });
    const manifest = { ...large, parts: large.parts.map((part) => ({ ...part, ...usualPieceSizes, chunks })) };
    await store.put(`payments/${large.id}/manifest.json`, sealedJson(manifest), signal);
  }
  const now = { large: 0, small: 0 };
  const most = { large: 0, small: 0 };
  const counting: Pick<ObjectStore, 'list' | 'get'> = {
    list: store.list.bind(store),
    async get(key, ...others) {
      const kind = key.includes('T030000Z') ? 'large' : 'small';
      most[kind] = Math.max(most[kind], ++now[kind]);
      const body = await store.get(key, ...others);
      return body.once('close', () => now[kind]--);
    },
  };

  const { entries, unreadable } = await new StoreCatalog('local', counting, clock).read('payments', signal);

  expect([entries.length, unreadable]).toEqual([6, []]);
  expect(most).toEqual({ large: 1, small: 3 });
});

test.each([
  '../../etc/watchkeeper.yaml',
  '/etc/passwd',
  'a/b',
  '..',
  '...zst',
  '.zst',
  '..tar.zst.age',
  '',
  'line\nbreak',
])('a manifest that names a part %j cannot be read', async (name) => {
  const clock = new ManualClock('2026-03-02T09:00:00Z');
  const store = new MemoryStore(() => clock.now());
  const signal = new AbortController().signal;
  const manifest = sampleManifest(second);
  const forged = { ...manifest, parts: manifest.parts.map((part) => ({ ...part, name })) };
  await store.put(`payments/${manifest.id}/manifest.json`, sealedJson(forged), signal);

  const { entries, unreadable } = await new StoreCatalog('local', store, clock).read('payments', signal);

  expect(entries).toEqual([]);
  const reason = 'not understood at parts.0.name: not the name of a part';
  expect(unreadable).toEqual([{ backupId: manifest.id, reason }]);
});

test('of a manifest neither facts nor hashes of pieces are remembered, which are most of it', async () => {
  const { clock, store, signal, catalog } = setUp();
  storeBackup(store, first);
  const facts = { mode: 'rows', items: [{ name: 'rows public.orders', value: '1520', compare: 'equal' }] };
  const whole = sealedJson({ ...sampleManifest(first), facts });
  const key = `payments/${sampleId(first)}/manifest.json`;
  store.objects.set(key, { bytes: whole, modifiedAt: new Date(first.at) });

  const reading = catalog.read('payments', signal);
  await clock.advance(1_000);
  const [entry] = (await reading).entries;

  expect(entry?.manifest).toMatchObject({ id: sampleId(first), facts: { mode: 'rows' }, source: { version: '15.20' } });
  expect(whole.toString()).toMatch(/chunks.*public\.orders/s);
  expect(JSON.stringify(entry)).not.toMatch(/public\.orders|chunks|roles/);
});
