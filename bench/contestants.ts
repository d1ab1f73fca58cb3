import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram } from '../src/core/find-program.ts';
import { startProcess } from '../src/core/run-process.ts';
import { freePort } from '../test/support/free-port.ts';
import { untilSucceeds } from '../test/support/until.ts';
import { againstPeer, median, type Row } from './statistics.ts';

/** Who is measured: a program that watches, and its page. */
export interface Contestant {
  /** As whom it logs in, or what it is called. */
  readonly role: string;
  readonly url: string;
  readonly pid: number;
}

/** A target of the daemon. */
export interface OwnTarget {
  readonly engine: 'postgres' | 'redis';
  readonly url: string;
  readonly mode?: string;
  readonly watch?: unknown;
}

/** Families of ours, switched on and off so that only those given are collected. */
export function onlyFamilies(
  all: readonly { readonly name: string }[],
  names: readonly string[],
): Readonly<Record<string, boolean>> {
  return Object.fromEntries(all.map(({ name }) => [name, names.includes(name)]));
}

/** A folder, and a signal that ends what was started in it. */
export async function inFolder<T>(work: (folder: string, stop: AbortSignal) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-bench-'));
  const stop = new AbortController();
  try {
    return await work(folder, stop.signal);
  } finally {
    stop.abort(new Error('the benchmark ended'));
    await delay(500);
    await rm(folder, { recursive: true, force: true });
  }
}

/** The daemon with these targets. */
export async function startOurs(
  folder: string,
  targets: Readonly<Record<string, OwnTarget>>,
  role: string,
  signal: AbortSignal,
): Promise<Contestant> {
  const port = await freePort();
  const file = join(folder, `watchkeeper-${port}.yaml`);
  // JSON is YAML.
  await writeFile(file, JSON.stringify({ listen: `127.0.0.1:${port}`, log: { level: 'error' }, targets }));
  const main = join(import.meta.dirname, '../src/main.ts');
  const running = startProcess(process.execPath, [main, '-c', file, 'run'], { signal });
  running.stdout.resume();
  return answering({ role, url: `http://127.0.0.1:${port}/metrics`, pid: running.pid ?? 0 });
}

/** The exporter of PostgreSQL or of Redis, for one server. */
export async function startPeer({ engine, url }: OwnTarget, role: string, signal: AbortSignal): Promise<Contestant> {
  const port = await freePort();
  const name = `prometheus-${engine}-exporter`;
  const searchPath = [process.env['PATH'], join(import.meta.dirname, '../.cache/bin')].join(delimiter);
  const program = await findProgram(name, searchPath);
  if (program === undefined) throw new Error(`${name} is not installed: run "sh scripts/setup bench"`);
  const running = startProcess(program, [`--web.listen-address=127.0.0.1:${port}`], {
    signal,
    env: engine === 'postgres' ? { DATA_SOURCE_NAME: url } : { REDIS_ADDR: url },
  });
  running.stdout.resume();
  return answering({ role, url: `http://127.0.0.1:${port}/metrics`, pid: running.pid ?? 0 });
}

async function answering(contestant: Contestant): Promise<Contestant> {
  await untilSucceeds(
    async () => {
      const text = await (await fetch(contestant.url)).text();
      if (!/^(pg|redis)_up\b.* 1$/m.test(text)) throw new Error(`${contestant.url} does not watch yet`);
    },
    { timeoutMs: 10_000, intervalMs: 100 },
  );
  return contestant;
}

/** What a scrape costs the program that is asked. */
export interface OwnCost {
  readonly latencyMs: number;
  readonly processorMs: number;
  readonly residentMiB: number;
}

/** Scrapes all contestants in turn, so that whatever else the machine does meets each of them alike. */
export async function scrapeInTurn(
  contestants: readonly Contestant[],
  rounds: number,
): Promise<ReadonlyMap<Contestant, OwnCost>> {
  const before = await Promise.all(contestants.map(({ pid }) => processorSeconds(pid)));
  const times = contestants.map(() => [] as number[]);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { url }] of contestants.entries()) times[index]?.push(await timeOf(url));
  }
  const costs = new Map<Contestant, OwnCost>();
  for (const [index, contestant] of contestants.entries()) {
    costs.set(contestant, {
      latencyMs: median(times[index] ?? []),
      processorMs: (((await processorSeconds(contestant.pid)) - (before[index] ?? 0)) / rounds) * 1_000,
      residentMiB: await residentMiB(contestant.pid),
    });
  }
  return costs;
}

/** The rows of one comparison of the programs themselves. */
export function compareOwnCosts(what: string, ours: OwnCost, peer: OwnCost): Row[] {
  return [
    { what: `${what}: latency, peer`, value: peer.latencyMs, unit: 'ms' },
    { what: `${what}: latency, ours`, value: ours.latencyMs, unit: 'ms' },
    againstPeer(`${what}: latency`, ours.latencyMs, peer.latencyMs, 0.7),
    { what: `${what}: processor time per scrape, ours`, value: ours.processorMs, unit: 'ms' },
    againstPeer(`${what}: processor time`, ours.processorMs, peer.processorMs, 1),
    { what: `${what}: resident memory, peer`, value: peer.residentMiB, unit: 'MiB' },
    { what: `${what}: resident memory, ours`, value: ours.residentMiB, unit: 'MiB' },
  ];
}

/** Programs run for months: what counts is how they do when their code is compiled and their caches are filled. */
export async function warmUp(contestants: readonly Contestant[], rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) for (const { url } of contestants) await timeOf(url);
}

const keptConnections = new Agent({ keepAlive: true });

/** As Prometheus asks. */
const scrapeHeaders = {
  accept: 'application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
  'accept-encoding': 'gzip',
};

/**
 * Milliseconds until the whole page has arrived. It is left compressed, and asked for with little work of our own:
 * what the one who asks spends on its answer is the same for everybody, and would only hide who is faster.
 */
export function timeOf(url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const startMs = performance.now();
    const request = get(url, { agent: keptConnections, headers: scrapeHeaders }, (answer) => {
      answer.on('error', reject);
      answer.on('end', () => resolve(performance.now() - startMs));
      answer.resume();
    });
    request.on('error', reject);
  });
}

const ticksPerSecond = 100;

/** Seconds of processor time that a process has used, from `/proc`; its own clock ticks are 10 ms. */
async function processorSeconds(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

/** Resident memory of a process in MiB. */
async function residentMiB(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+)/m.exec(text)?.[1]) / 1_024;
}
