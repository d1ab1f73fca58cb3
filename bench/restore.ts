import { join } from 'node:path';
import { throwAwaySettings } from '../src/jobs/sandbox/local-postgres.ts';
import type { Cluster } from '../src/targets/postgres/cluster.ts';
import { fillWithPgbench, runBeside, startBenchCluster, startWorker } from './backup-bed.ts';
import { inFolder } from './contestants.ts';
import { inSpreadFolder } from './spread-folder.ts';
import { median, type Row } from './statistics.ts';

/**
 * A restore with proof against plain `pg_restore -j2`, in turn in the same run, of the same database.
 *
 * The peer loads an uncompressed dump in custom format from a file into an empty database of a server that runs already and has the
 * settings that PostgreSQL comes with; what is timed is pg_restore alone. Beside it the same into a server with the settings of our
 * throw-away servers, which write nothing safely: what the proof adds to the quickest restore there can be. Ours is all that a
 * verification does, from beginning to end: fetching and checking the parts, decompressing them, making and starting a server,
 * pg_restore with two jobs, measuring everything and comparing it with the manifest, clearing all of it away. The goal is set for
 * fingerprints of the content, which is the default.
 */
export async function benchRestore(options: {
  readonly scale: number;
  readonly rounds: number;
  readonly isUsual: boolean;
}): Promise<Row[]> {
  const taken = await inSpreadFolder(() => inFolder((folder) => inTurn(folder, options)));
  const what = `restore, scale ${options.scale}`;
  const { peer, quickest, rows, content } = taken;
  return [
    { what: `${what}: pg_restore -j2`, value: peer, unit: 's' },
    { what: `${what}: pg_restore -j2 into a server that writes nothing safely`, value: quickest, unit: 's' },
    { what: `${what}: ours with proof, row counts`, value: rows, unit: 's' },
    { what: `${what}: time against the peer, row counts`, value: rows / peer, unit: 'x' },
    { what: `${what}: ours with proof, content fingerprints`, value: content, unit: 's' },
    ...phaseNames.map((phase) => ({ what: `${what}: … of that, ${phase}`, value: taken[phase], unit: 's' as const })),
    {
      what: `${what}: time against the peer, fingerprints`,
      value: content / peer,
      unit: 'x',
      goal: options.isUsual ? { atMost: 1.5 } : undefined,
    },
    { what: `${what}: the same against the quickest, fingerprints`, value: content / quickest, unit: 'x' },
  ];
}

const phaseNames = ['fetch', 'restore', 'compare'] as const;

/** What a round took, in seconds; the phases are those of the proof by content. */
type Round = Record<'peer' | 'quickest' | 'rows' | 'content' | (typeof phaseNames)[number], number>;

/** Medians of all rounds but the first. */
async function inTurn(
  folder: string,
  { scale, rounds }: { readonly scale: number; readonly rounds: number },
): Promise<Round> {
  await using source = await startBenchCluster();
  await fillWithPgbench(source, scale);
  await using target = await startBenchCluster({});
  await using careless = await startBenchCluster(throwAwaySettings);
  const dump = join(folder, 'peer.dump');
  await runBeside(source, 'pg_dump', ['-Fc', '-Z0', '-f', dump, 'postgres']);
  using worker = startWorker(source, { folder: { type: 'filesystem', path: join(folder, 'ours') } });
  for (const facts of ['rows', 'content'] as const) await worker.run({ work: 'keep', facts });
  const taken: Round[] = [];
  for (let round = -1; round < rounds; round++) {
    const peer = await peerRestore(target, dump);
    const quickest = await peerRestore(careless, dump);
    const { seconds: rows } = await worker.run({ work: 'prove', facts: 'rows' });
    const { seconds: content, phases } = await worker.run({ work: 'prove', facts: 'content' });
    const { fetch = 0, restore = 0, compare = 0 } = phases ?? {};
    if (round >= 0) taken.push({ peer, quickest, rows, content, fetch, restore, compare });
  }
  const medianOf = (what: keyof Round) => median(taken.map((round) => round[what]));
  return {
    peer: medianOf('peer'),
    quickest: medianOf('quickest'),
    rows: medianOf('rows'),
    content: medianOf('content'),
    fetch: medianOf('fetch'),
    restore: medianOf('restore'),
    compare: medianOf('compare'),
  };
}

async function peerRestore(target: Cluster, dump: string): Promise<number> {
  await runBeside(target, 'createdb', ['--template=template0', 'peer']);
  const seconds = await runBeside(target, 'pg_restore', ['-j2', '--exit-on-error', '-d', 'peer', dump]);
  await runBeside(target, 'dropdb', ['peer']);
  return seconds;
}
