import { expect, test } from 'vitest';
import type { Assembly } from '../../../src/assembly.ts';
import { stateAge } from '../../../src/commands/find-backup.ts';
import { candidatesOf, chooseBackup } from '../../../src/commands/restore/choose-backup.ts';
import { StoreCatalog } from '../../../src/jobs/store-catalog.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { MemoryStore } from '../../support/memory-store.ts';
import { sampleId, sampleLineage, storeBackup } from '../../support/sample-backup.ts';

const signal = new AbortController().signal;
const lastNight = { at: '2026-03-02T02:00:00Z', verdict: 'proven' } as const;
/** What it holds may be of any time. */
const aYearAhead = { at: '2027-03-02T02:00:00Z', verdict: 'proven' } as const;

async function candidates(now: string, ...backups: readonly Parameters<typeof storeBackup>[1][]) {
  return candidatesWithout([], now, ...backups);
}

async function candidatesWithout(
  lost: readonly string[],
  now: string,
  ...backups: readonly Parameters<typeof storeBackup>[1][]
) {
  const clock = new ManualClock(now);
  const store = new MemoryStore(() => clock.now());
  for (const backup of backups) storeBackup(store, backup);
  for (const key of lost) store.objects.delete(key);
  const catalog = new StoreCatalog('local', store, clock);
  const assembly = { lineages: [sampleLineage], storeOf: () => ({ name: 'local', store, catalog }) };
  return candidatesOf(assembly as unknown as Assembly, 'payments', signal, { now: clock.now() });
}

test('a database means its newest proven backup, and none that is dated in the future', async () => {
  const found = await candidates('2026-03-02T12:00:00Z', lastNight, aYearAhead);

  const chosen = await chooseBackup(found, 'payments', [], signal);

  expect(chosen.entry.manifest.id).toBe(sampleId(lastNight));
  expect(found.map(({ entry }) => stateAge(entry, new Date('2026-03-02T12:00:01Z')))).toEqual([
    '10h ago',
    'dated in the future',
  ]);
});

test('where the clock of this machine is behind, the newest is still the newest', async () => {
  const found = await candidates('2020-01-01T00:00:00Z', lastNight, aYearAhead);

  const chosen = await chooseBackup(found, 'payments', [], signal);

  expect(chosen.entry.manifest.id).toBe(sampleId(aYearAhead));
});

test('where the store lost a part of the only backup, that is told instead of how to prove it', async () => {
  const part = `payments/${sampleId(lastNight)}/database.dump.zst`;
  const found = await candidatesWithout([part], '2026-03-02T12:00:00Z', lastNight);

  await expect(chooseBackup(found, 'payments', [], signal)).rejects.toThrow(
    `no backup of payments is proven: name the one to restore by its id. The newest is ${sampleId(lastNight)}, of which the store lacks database.dump.zst`,
  );
});
