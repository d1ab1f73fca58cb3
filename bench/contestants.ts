import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { postgresCollectors } from '../src/collectors/postgres/index.ts';
import { startProcess } from '../src/core/run-process.ts';
import { freePort } from '../test/support/free-port.ts';

/** Who is measured: a program that watches one server as a role of its own, and its page. */
export interface Contestant {
  readonly role: string;
  readonly url: string;
  readonly pid: number;
}

/** What prometheus-postgres-exporter 0.11 of Debian collects, as our families are called. */
export const peerFamilies: readonly string[] = [
  'instance',
  'connections',
  'database',
  'standbys',
  'replication_slots',
  'archiver',
  'checkpoints',
  'locks',
  'settings',
  'database_size',
];

/** Families of ours, switched on and off so that only those given are collected. */
export function onlyFamilies(names: readonly string[]): Readonly<Record<string, boolean>> {
  return Object.fromEntries(postgresCollectors.map(({ name }) => [name, names.includes(name)]));
}

/** The daemon with one target, `primary`, and others if wanted. */
export async function startOurs(
  folder: string,
  targets: Readonly<Record<string, { readonly url: string; readonly watch?: unknown }>>,
  role: string,
  signal: AbortSignal,
): Promise<Contestant> {
  const port = await freePort();
  const file = join(folder, `watchkeeper-${port}.yaml`);
  const settings = {
    listen: `127.0.0.1:${port}`,
    log: { level: 'error' },
    targets: Object.fromEntries(
      Object.entries(targets).map(([name, target]) => [name, { engine: 'postgres', ...target }]),
    ),
  };
  // JSON is YAML.
  await writeFile(file, JSON.stringify(settings));
  const main = join(import.meta.dirname, '../src/main.ts');
  const running = startProcess(process.execPath, [main, '-c', file, 'run'], { signal });
  running.stdout.resume();
  return answering({ role, url: `http://127.0.0.1:${port}/metrics`, pid: running.pid ?? 0 });
}

export async function startPeer(databaseUrl: string, role: string, signal: AbortSignal): Promise<Contestant> {
  const port = await freePort();
  const running = startProcess('prometheus-postgres-exporter', [`--web.listen-address=127.0.0.1:${port}`], {
    signal,
    env: { DATA_SOURCE_NAME: databaseUrl },
  });
  running.stdout.resume();
  return answering({ role, url: `http://127.0.0.1:${port}/metrics`, pid: running.pid ?? 0 });
}

async function answering(contestant: Contestant): Promise<Contestant> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const text = await fetch(contestant.url).then(
      (answer) => answer.text(),
      () => '',
    );
    if (text.includes('pg_up')) return contestant;
    await delay(100);
  }
  throw new Error(`${contestant.url} does not answer`);
}

/** Milliseconds until the whole page has arrived. */
export async function timeOf(url: string): Promise<number> {
  const startMs = performance.now();
  await (await fetch(url)).arrayBuffer();
  return performance.now() - startMs;
}

const ticksPerSecond = 100;

/** Seconds of processor time that a process has used, from `/proc`; its own clock ticks are 10 ms. */
export async function processorSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory of a process in MiB. */
export async function residentMiB(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1]) / 1_024;
}
