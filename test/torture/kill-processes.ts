import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemClock } from '../../src/core/clock.ts';
import { isProven, type TargetContents } from '../../src/jobs/catalog.ts';
import { checkChain } from '../../src/jobs/check-chain.ts';
import { identityParent } from '../../src/jobs/encryption/age.ts';
import type { ManifestSummary } from '../../src/jobs/manifest-summary.ts';
import { StoreCatalog } from '../../src/jobs/store-catalog.ts';
import { openFilesystemStore } from '../../src/storage/filesystem.ts';
import { readWhole } from '../../src/storage/object-store.ts';
import { formatConnectionUrl } from '../../src/targets/libpq/connection.ts';
import type { Cluster } from '../../src/targets/postgres/cluster.ts';
import { newIdentity } from '../support/age.ts';
import { runCommand, startCommand, writeConfig } from '../support/command-line.ts';
import { createDatabase } from '../support/postgres.ts';
import { Random } from './random.ts';

export interface KillFigures {
  readonly kills: number;
  /** Kills by what was under way; a process that had ended before counts apart. */
  readonly byWork: Readonly<Record<string, number>>;
  readonly endedBefore: number;
  /** Backups that were finished in spite of it, or in rounds that were left alone. */
  readonly finished: number;
  /** Backups that retention deleted, as it should. */
  readonly deleted: number;
  /** What must not be: false successes, lost backups, leftovers. Must be empty. */
  readonly problems: readonly string[];
}

const works = ['backup', 'verify', 'prune'] as const;
type Work = (typeof works)[number];
const argumentsOf: Readonly<Record<Work, readonly string[]>> = {
  backup: ['backup', 'shop'],
  verify: ['verify', 'shop'],
  prune: ['prune', '--apply', '--confirm-large', '--skip-grace'],
};

const sourceSql = `CREATE TABLE orders AS SELECT n AS id, md5(n::text) || md5((n * 7)::text) AS t
  FROM generate_series(1, 60000) n`;
const keptBackups = 4;
const signal = new AbortController().signal;

/**
 * Ends `watchkeeper` processes by SIGKILL at random moments of a backup, a proof and retention, and looks after each what
 * the store holds. At the end everything runs once undisturbed, and nothing of the killed ones may be left.
 */
export async function killProcesses(given: {
  readonly cluster: Cluster;
  readonly folder: string;
  readonly kills: number;
  readonly seed: number;
}): Promise<KillFigures> {
  const bench = await prepare(given);
  for (let done = 0; bench.killed < given.kills; ) {
    await bench.round(works[done++ % works.length] ?? 'backup');
  }
  await bench.settle();
  return bench.figures();
}

async function prepare({
  cluster,
  folder,
  seed,
}: {
  readonly cluster: Cluster;
  readonly folder: string;
  readonly seed: number;
}): Promise<Bench> {
  await createDatabase(cluster, 'shop', sourceSql);
  const url = formatConnectionUrl(cluster.access.connection).replace(/[^/]*$/, 'shop');
  const store = join(folder, 'store');
  // Encrypted, so that one more program and one more secret are there to be left behind.
  const { key, recipient } = await newIdentity();
  await writeFile(join(folder, 'identity'), key.reveal(), { mode: 0o600 });
  const config = await writeConfig(
    folder,
    `
stores: { local: { type: filesystem, path: ${store} } }
jobs: { leftoverGrace: 0s, lease: 5s }
encryption: { recipients: [${recipient}], identities: ['file:identity'] }
targets:
  shop:
    engine: postgres
    url: ${url}?sslmode=disable
    backups: { nightly: { schedule: '0 2 * * *', keep: { last: ${keptBackups} } } }
`,
  );
  const bench = new Bench(config, store, new Random(seed));
  await bench.measure();
  return bench;
}

class Bench {
  killed = 0;
  readonly #config: readonly string[];
  readonly #folder: string;
  readonly #random: Random;
  readonly #usualMs = new Map<Work, number>();
  readonly #byWork: Record<string, number> = {};
  readonly #problems: string[] = [];
  readonly #pids = new Set<number>();
  /** Ids of backups that were seen finished, newest first. */
  #known: readonly string[] = [];
  #finished = 0;
  #deleted = 0;
  #endedBefore = 0;

  constructor(config: readonly string[], folder: string, random: Random) {
    this.#config = config;
    this.#folder = folder;
    this.#random = random;
  }

  /** How long each work takes when nobody disturbs it: the kills fall anywhere into that. */
  async measure(): Promise<void> {
    for (const work of works) {
      const startMs = performance.now();
      await this.#runUndisturbed(work);
      this.#usualMs.set(work, performance.now() - startMs);
    }
    await this.#look('backup');
  }

  async round(work: Work): Promise<void> {
    if (work === 'prune') await this.#endPinsOfReaders();
    const command = startCommand([...this.#config, ...argumentsOf[work]]);
    this.#pids.add(command.child.pid ?? 0);
    const moment = this.#random.next() * (this.#usualMs.get(work) ?? 1_000);
    const ended = await Promise.race([command.exited, delay(moment)]);
    if (ended === undefined) {
      command.child.kill('SIGKILL');
      await command.exited;
      this.killed++;
      this.#byWork[work] = (this.#byWork[work] ?? 0) + 1;
    } else {
      this.#endedBefore++;
      if (ended !== 0) this.#problems.push(`${work} after ${this.killed} kills ended with ${ended}: ${command.err()}`);
    }
    await this.#look(work);
  }

  /** Everything once more without disturbance: it works, and sweeps what the killed ones left. */
  async settle(): Promise<void> {
    for (const work of works) {
      if (work === 'prune') await this.#endPinsOfReaders();
      await this.#runUndisturbed(work);
      await this.#look(work);
    }
    const contents = await this.#look('prune');
    const [newest] = contents.entries;
    if (newest === undefined || !isProven(newest)) this.#problems.push('the newest backup is not proven in the end');
    for (const { backupId } of contents.attempts) this.#problems.push(`remains of ${backupId} are left`);
    for (const { key } of contents.strayMarks) this.#problems.push(`the mark ${key} is left`);
    for (const name of await readdir(join(this.#folder, '.growing'))) this.#problems.push(`.growing/${name} is left`);
    for (const left of await this.#leftOnTheMachine()) this.#problems.push(`${left} is left`);
    const { problems } = await checkChain(await openFilesystemStore(this.#folder, systemClock), 'shop', signal);
    for (const { message } of problems) this.#problems.push(message);
  }

  figures(): KillFigures {
    return {
      kills: this.killed,
      byWork: this.#byWork,
      endedBefore: this.#endedBefore,
      finished: this.#finished,
      deleted: this.#deleted,
      problems: this.#problems,
    };
  }

  /** Those of killed proofs last for a day and would leave retention nothing to delete: as if the day had passed. */
  async #endPinsOfReaders(): Promise<void> {
    const store = await openFilesystemStore(this.#folder, systemClock);
    for await (const { key } of store.list('.retention/shop/', signal)) {
      if (key.includes('/in-use-')) await store.delete(key, signal);
    }
  }

  async #runUndisturbed(work: Work): Promise<void> {
    const { code, out, err } = await runCommand([...this.#config, ...argumentsOf[work]]);
    if (code !== 0) this.#problems.push(`${work} without a kill ended with ${code}: ${out}${err}`);
  }

  /** What the store holds is whole, nothing that was finished is lost, and nothing is called proven that was not tried. */
  async #look(work: Work): Promise<TargetContents> {
    const store = await openFilesystemStore(this.#folder, systemClock);
    const contents = await new StoreCatalog('local', store, systemClock).read('shop', signal);
    const ids = contents.entries.map(({ manifest }) => manifest.id);
    const after = `after ${this.killed} kills, ${work}`;
    for (const { backupId, reason } of contents.unreadable) {
      this.#problems.push(`${after}: the manifest of ${backupId} cannot be read: ${reason}`);
    }
    for (const { manifest, unreadableReports } of contents.entries) {
      if (unreadableReports.length > 0) this.#problems.push(`${after}: a report of ${manifest.id} cannot be read`);
      if (this.#known.includes(manifest.id)) continue;
      this.#finished++;
      if (!(await isWhole(store, manifest))) this.#problems.push(`${after}: ${manifest.id} counts, but is not whole`);
    }
    const lost = this.#known.filter((id, place) => !ids.includes(id) && !(work === 'prune' && place >= keptBackups));
    this.#deleted += this.#known.filter((id) => !ids.includes(id)).length - lost.length;
    for (const id of lost) this.#problems.push(`${after}: ${id} was finished and is lost`);
    this.#known = ids;
    return contents;
  }

  /** Folders and processes that carry the number of a killed one. */
  async #leftOnTheMachine(): Promise<string[]> {
    const isOurs = (text: string) => [...this.#pids].some((pid) => new RegExp(`watchkeeper-.*-${pid}-`).test(text));
    const places = [tmpdir(), (await identityParent()) ?? tmpdir()];
    const names = (await Promise.all(places.map((place) => readdir(place)))).flat();
    const folders = [...new Set(names)].filter(isOurs).map((name) => `folder ${name}`);
    const processes: string[] = [];
    for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
      if (isOurs(line)) processes.push(`process ${pid} (${line.replaceAll('\0', ' ').trim()})`);
    }
    return [...folders, ...processes];
  }
}

async function isWhole(
  store: Awaited<ReturnType<typeof openFilesystemStore>>,
  manifest: ManifestSummary,
): Promise<boolean> {
  for (const part of manifest.parts) {
    const bytes = await readWhole(store, `shop/${manifest.id}/${part.name}`, signal).catch(() => undefined);
    if (bytes === undefined || createHash('sha256').update(bytes).digest('hex') !== part.sha256) return false;
  }
  return true;
}
