import { describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { manifestName } from '../../../src/jobs/backup-keys.ts';
import { isProven } from '../../../src/jobs/catalog.ts';
import { checkChain } from '../../../src/jobs/check-chain.ts';
import type { Proof, Verdict } from '../../../src/jobs/manifest.ts';
import { chainKey, chainPrefix, reportKey, sha256Of, writeReport } from '../../../src/jobs/proof-chain.ts';
import { readManifestBytes } from '../../../src/jobs/read-manifest.ts';
import { openSealedJson, sealedJson } from '../../../src/jobs/sealed-json.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { recordingLog } from '../../support/recording-log.ts';
import { sampleId, sampleManifest, sampleProof, storeBackup } from '../../support/sample-backup.ts';
import { testContext, testSignal } from '../../support/test-context.ts';

const target = 'payments';
const night = (day: number) => ({ at: `2026-11-${String(day).padStart(2, '0')}T02:00:00Z` });

/** A backup of each night, the last of which failed its proof. */
async function provenNights(nights: number): Promise<MemoryStore> {
  const store = new MemoryStore();
  for (let day = 1; day <= nights; day++) {
    storeBackup(store, night(day));
    await report(store, day, day === nights ? 'failed' : 'proven');
  }
  return store;
}

async function report(store: MemoryStore, day: number, verdict: Verdict = 'proven', context = testContext()) {
  const manifestSha256 = sha256Of(await readManifestBytes(store, sampleManifest(night(day)), testSignal()));
  return writeReport(store, { ...sampleProof(night(day), verdict), manifestSha256 }, context);
}

const problemsOf = async (store: MemoryStore) =>
  (await checkChain(store, target, testSignal())).problems.map(({ message }) => message);
const besideOf = (day: number) => reportKey(sampleProof(night(day)));
const bytesOf = (store: MemoryStore, key: string) => store.objects.get(key)?.bytes ?? Buffer.alloc(0);
const write = (store: MemoryStore, key: string, bytes: Buffer) =>
  store.objects.set(key, { bytes, modifiedAt: new Date() });

/** The same report with something else in it, and a right checksum. */
function forged(bytes: Buffer, changes: Partial<Proof>): Buffer {
  return sealedJson({ ...(openSealedJson(bytes) as Proof), ...changes });
}

test('every report has the next number, the hash of the one before it and that of its manifest, twice in the store', async () => {
  const store = await provenNights(3);

  const { reports, head, older, problems } = await checkChain(store, target, testSignal());

  expect({ reports, older, problems }).toEqual({ reports: 3, older: 0, problems: [] });
  for (const day of [1, 2, 3]) {
    expect(bytesOf(store, chainKey(target, day))).toEqual(bytesOf(store, besideOf(day)));
    const { chain, manifestSha256 } = openSealedJson(bytesOf(store, besideOf(day))) as Proof;
    expect(chain?.number).toBe(day);
    expect(manifestSha256).toMatch(/^[0-9a-f]{64}$/);
  }
  expect(head?.number).toBe(3);
  const [entry] = (await new StoreCatalog('test', store, systemClock).read(target, testSignal())).entries;
  expect(entry?.proofs).toHaveLength(1);
});

test('the log tells where the chain ends, to be kept elsewhere', async () => {
  const store = new MemoryStore();
  storeBackup(store, night(1));
  const { log, lines } = recordingLog();

  const head = await report(store, 1, 'proven', testContext({ log }));

  expect(lines).toMatchObject([{ level: 'info', fields: { target, report: 1, sha256: head.sha256 } }]);
});

test('many at once make one chain, without a gap or a fork', async () => {
  const store = new MemoryStore();
  const days = Array.from({ length: 12 }, (_, at) => at + 1);
  for (const day of days) storeBackup(store, night(day));

  const heads = await Promise.all(days.map((day) => report(store, day)));

  expect(heads.map(({ number }) => number).sort((a, b) => a - b)).toEqual(days);
  expect(await problemsOf(store)).toEqual([]);
});

describe('what somebody does to the reports is found, first link first', () => {
  const beside2 = besideOf(2);
  const cases: Record<string, [(store: MemoryStore) => unknown, RegExp]> = {
    'a bad verdict made good, with a right checksum': [
      (store) => write(store, besideOf(4), forged(bytesOf(store, besideOf(4)), { verdict: 'proven' })),
      /^report 4, .*verified-.*, is not the one in the chain: one of them was changed$/,
    ],
    'the same in both places': [
      (store) => {
        const bytes = forged(bytesOf(store, besideOf(2)), { sandbox: 'elsewhere' });
        for (const key of [besideOf(2), chainKey(target, 2)]) write(store, key, bytes);
      },
      /^report 3 does not follow report 2 as it is now: one of them was changed$/,
    ],
    'a bit in the chain': [
      (store) => {
        const bytes = Buffer.from(bytesOf(store, chainKey(target, 2)));
        bytes[20] = (bytes[20] ?? 0) ^ 1;
        write(store, chainKey(target, 2), bytes);
      },
      /^report 2 cannot be read: /,
    ],
    'one report deleted in both places': [
      (store) => {
        store.objects.delete(beside2);
        store.objects.delete(chainKey(target, 2));
      },
      /^report 2 is missing from the chain$/,
    ],
    'the first two deleted from the chain': [
      (store) => {
        store.objects.delete(chainKey(target, 1));
        store.objects.delete(chainKey(target, 2));
      },
      /^reports 1 to 2 are missing from the chain$/,
    ],
    'the end of the chain cut off': [
      (store) => store.objects.delete(chainKey(target, 4)),
      /^report 4, .* is no longer in the chain$/,
    ],
    'the whole chain deleted': [
      (store) => {
        for (const day of [1, 2, 3, 4]) store.objects.delete(chainKey(target, day));
      },
      /^report 1, .* is no longer in the chain$/,
    ],
    'a bad report deleted beside its backup': [
      (store) => store.objects.delete(besideOf(4)),
      /^report 4, .* is missing beside its backup/,
    ],
    'two reports swapped beside their backups': [
      (store) => {
        const [one, two] = [bytesOf(store, besideOf(1)), bytesOf(store, besideOf(2))];
        write(store, besideOf(1), two);
        write(store, besideOf(2), one);
      },
      /is about backup /,
    ],
    'two reports of the chain in each other’s place': [
      (store) => {
        const [two, three] = [2, 3].map((day) => bytesOf(store, chainKey(target, day)));
        write(store, chainKey(target, 2), three ?? Buffer.alloc(0));
        write(store, chainKey(target, 3), two ?? Buffer.alloc(0));
      },
      /^report 2 says that it is report 3$/,
    ],
    'a good report slipped in beside a backup': [
      (store) => write(store, reportKey(laterProof(2)), sealedJson(laterProof(2))),
      /is in no chain$/,
    ],
    'a report under another name, so that it counts as newer': [
      (store) => write(store, reportKey(laterProof(2)), bytesOf(store, beside2)),
      /^report 2 lies under the name /,
    ],
    'a manifest changed after it was proven, with a right checksum': [
      (store) => {
        const key = `${target}/${sampleId(night(2))}/${manifestName}`;
        write(store, key, sealedJson({ ...sampleManifest(night(2)), finishedAt: '2026-11-02T09:00:00.000Z' }));
      },
      /^the manifest of .* is not the one that report 2 is about$/,
    ],
    'a chain of another target': [
      (store) => {
        const bytes = forged(bytesOf(store, chainKey(target, 1)), { target: 'other' });
        write(store, chainKey(target, 1), bytes);
      },
      /^report 1 is of target other$/,
    ],
  };

  const laterProof = (day: number): Proof => ({
    ...sampleProof(night(day)),
    startedAt: '2026-11-20T00:00:00.000Z',
    finishedAt: '2026-11-20T00:01:00.000Z',
  });

  test.each(Object.entries(cases))('%s', async (_, [change, message]) => {
    const store = await provenNights(4);
    change(store);

    const [first] = await problemsOf(store);

    expect(first).toMatch(message);
  });
});

test('cutting off the end of the chain and its reports is found by whoever kept the head, and by nobody else', async () => {
  const store = await provenNights(3);
  const { head } = await checkChain(store, target, testSignal());
  store.objects.delete(chainKey(target, 3));
  store.objects.delete(besideOf(3));

  const blind = await problemsOf(store);
  const knowing = await checkChain(store, target, testSignal(), { known: head === undefined ? [] : [head] });

  expect(blind).toEqual([]);
  expect(knowing.problems).toEqual([
    { number: 3, message: `report 3 should have the hash ${head?.sha256}, and is not there` },
  ]);
});

test('a backup that retention deletes takes its reports along; the chain keeps theirs and stays whole', async () => {
  const store = await provenNights(4);
  for (const key of [...store.objects.keys()]) {
    if (key.startsWith(`${target}/${sampleId(night(1))}/`) || key.startsWith(`${target}/${sampleId(night(3))}/`)) {
      store.objects.delete(key);
    }
  }
  storeBackup(store, night(5));
  await report(store, 5);

  expect(await checkChain(store, target, testSignal())).toMatchObject({ reports: 5, problems: [] });
  store.objects.delete(chainKey(target, 3));
  expect(await problemsOf(store)).toEqual(['report 3 is missing from the chain']);
});

test('a process that was killed between the two places leaves no wound: the next proof puts the report in its place', async () => {
  const store = await provenNights(2);
  storeBackup(store, night(3));
  await report(store, 3);
  store.objects.delete(besideOf(3));
  storeBackup(store, night(4));

  const during = await problemsOf(store);
  await report(store, 4);

  expect(during).toEqual([expect.stringContaining('the next proof puts it back')]);
  expect(await problemsOf(store)).toEqual([]);
  expect(store.objects.has(besideOf(3))).toBe(true);
});

test('the report of a killed process is not put beside a backup that is gone', async () => {
  const store = await provenNights(2);
  for (const key of [...store.objects.keys()]) if (key.includes(sampleId(night(2)))) store.objects.delete(key);
  storeBackup(store, night(3));

  await report(store, 3);

  expect([...store.objects.keys()].filter((key) => key.includes(sampleId(night(2))))).toEqual([]);
  expect(await problemsOf(store)).toEqual([]);
});

describe('a backup that was proven, deleted and copied there again', () => {
  const folderOf = (day: number) => `${target}/${sampleId(night(day))}/`;
  const manifestOf = (day: number) => `${folderOf(day)}${manifestName}`;
  const remove = (store: MemoryStore, day: number) => {
    for (const key of [...store.objects.keys()]) if (key.startsWith(folderOf(day))) store.objects.delete(key);
  };
  /** The same bytes, later: reports do not come along. */
  const copyBack = (store: MemoryStore, day: number, at = '2026-11-10T02:00:00Z') => {
    storeBackup(store, night(day));
    store.objects.set(manifestOf(day), { bytes: bytesOf(store, manifestOf(day)), modifiedAt: new Date(at) });
  };

  test('misses none of its former reports, and the next proof puts none back: the copy is not proven', async () => {
    const store = new MemoryStore();
    storeBackup(store, night(1));
    await report(store, 1);
    remove(store, 1);
    copyBack(store, 1);
    storeBackup(store, night(2));
    const copied = await problemsOf(store);

    await report(store, 2);

    expect(copied).toEqual([]);
    expect(await problemsOf(store)).toEqual([]);
    expect(store.objects.has(besideOf(1))).toBe(false);
  });

  test('has the reports of its new proofs: one that is removed is found', async () => {
    const store = await provenNights(2);
    remove(store, 1);
    copyBack(store, 1);
    const anew = {
      ...sampleProof(night(1)),
      startedAt: '2026-11-11T02:00:00.000Z',
      finishedAt: '2026-11-11T02:01:00.000Z',
    };
    const manifestSha256 = sha256Of(await readManifestBytes(store, sampleManifest(night(1)), testSignal()));
    await writeReport(store, { ...anew, manifestSha256 }, testContext());
    const whole = await problemsOf(store);

    store.objects.delete(reportKey(anew));

    expect(whole).toEqual([]);
    expect(await problemsOf(store)).toEqual([expect.stringMatching(/^report 3, .* is missing beside its backup/)]);
  });

  test('is none when a former report lies beside it: a manifest written anew hides no bad report', async () => {
    const store = await provenNights(1);
    const good = {
      ...sampleProof(night(1)),
      startedAt: '2026-11-01T01:00:00.000Z',
      finishedAt: '2026-11-01T03:00:00.000Z',
    };
    await writeReport(store, { ...good, manifestSha256: null }, testContext());
    store.objects.delete(besideOf(1));

    copyBack(store, 1);

    expect(await problemsOf(store)).toEqual([expect.stringMatching(/^report 1, .* is missing beside its backup/)]);
  });

  test('is none when the store’s clock is a little ahead of the one of the proof that followed at once', async () => {
    const store = await provenNights(1);
    const { startedAt } = sampleProof(night(1));
    copyBack(store, 1, new Date(Date.parse(startedAt) + 3_000).toISOString());

    store.objects.delete(besideOf(1));

    expect(await problemsOf(store)).toEqual([expect.stringMatching(/^report 1, .* is missing beside its backup/)]);
  });
});

test('an answer that was lost makes no second report', async () => {
  class Forgetful extends MemoryStore {
    override async putIfAbsent(key: string, bytes: Uint8Array, signal: AbortSignal): Promise<boolean> {
      await super.putIfAbsent(key, bytes, signal);
      return false;
    }
  }
  const store = new Forgetful();
  storeBackup(store, night(1));

  const { number } = await report(store, 1);

  expect(number).toBe(1);
  expect([...store.objects.keys()].filter((key) => key.startsWith(chainPrefix(target)))).toHaveLength(1);
});

test('reports from before there was a chain are told as such, and still prove', async () => {
  const store = new MemoryStore();
  storeBackup(store, { ...night(1), verdict: 'proven' });
  const alone = await checkChain(store, target, testSignal());
  storeBackup(store, night(2));
  await report(store, 2);

  const { entries } = await new StoreCatalog('test', store, systemClock).read(target, testSignal());

  expect(alone).toMatchObject({ reports: 0, head: undefined, older: 1, problems: [] });
  expect(await checkChain(store, target, testSignal())).toMatchObject({ reports: 1, older: 1, problems: [] });
  expect(entries.map(isProven)).toEqual([true, true]);
});
