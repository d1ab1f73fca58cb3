import type { Cluster } from '../src/targets/postgres/cluster.ts';
import { openSession, type PostgresSession } from '../src/targets/postgres/session.ts';
import { type Contestant, processorSeconds, residentMiB, timeOf } from './contestants.ts';
import { median, type Row } from './statistics.ts';

const signal = new AbortController().signal;
/** Both programs run for months: what counts is how they do when their code is compiled and their caches are filled. */
const warmUps = 300;
const samplingMs = 5;

/** What one scrape costs on both sides of the connection. */
export interface Cost {
  readonly latencyMs: number;
  readonly processorMs: number;
  readonly serverMs: number;
  readonly sessions: number;
  readonly residentMiB: number;
}

/** Scrapes all contestants in turn, so that whatever else the machine does meets each of them alike. */
export async function costsOf(
  cluster: Cluster,
  contestants: readonly Contestant[],
  rounds: number,
): Promise<ReadonlyMap<Contestant, Cost>> {
  await using session = await openSession(cluster.access, { signal, applicationName: 'bench' });
  for (let round = 0; round < warmUps; round++) for (const { url } of contestants) await timeOf(url);
  await session.query('SELECT pg_stat_statements_reset()', { signal });
  const before = await Promise.all(contestants.map(({ pid }) => processorSeconds(pid)));
  const times = contestants.map(() => [] as number[]);
  const sampler = sampleSessions(session);
  for (let round = 0; round < rounds; round++) {
    for (const [index, { url }] of contestants.entries()) times[index]?.push(await timeOf(url));
  }
  const sessions = await sampler.stop();
  const costs = new Map<Contestant, Cost>();
  for (const [index, contestant] of contestants.entries()) {
    costs.set(contestant, {
      latencyMs: median(times[index] ?? []),
      processorMs: (((await processorSeconds(contestant.pid)) - (before[index] ?? 0)) / rounds) * 1_000,
      serverMs: (await serverMs(session, contestant.role)) / rounds,
      sessions: sessions.get(contestant.role) ?? 0,
      residentMiB: await residentMiB(contestant.pid),
    });
  }
  return costs;
}

/** The most sessions that each role was seen to hold. */
function sampleSessions(session: PostgresSession) {
  const most = new Map<string, number>();
  let isOver = false;
  const sql = "SELECT usename, count(*) FROM pg_stat_activity WHERE usename LIKE 'bench%' GROUP BY usename";
  const sampling = (async () => {
    while (!isOver) {
      for (const row of await session.query(sql, { signal })) {
        const role = row['usename'] ?? '';
        most.set(role, Math.max(most.get(role) ?? 0, Number(row['count'])));
      }
      await new Promise((resolve) => setTimeout(resolve, samplingMs));
    }
  })();
  return {
    async stop() {
      isOver = true;
      await sampling;
      return most;
    },
  };
}

/** What the server spent on the role's statements since the last reset: planning and execution. */
async function serverMs(session: PostgresSession, role: string): Promise<number> {
  const [row] = await session.query(
    `SELECT coalesce(sum(total_exec_time + total_plan_time), 0) AS ms
       FROM pg_stat_statements WHERE userid = '${role}'::regrole`,
    { signal },
  );
  return Number(row?.['ms']);
}

/** The rows of one comparison; goals are those of the same families. */
export function compareCosts(what: string, ours: Cost, peer: Cost): Row[] {
  return [
    { what: `${what}: latency, peer`, value: peer.latencyMs, unit: 'ms' },
    { what: `${what}: latency, ours`, value: ours.latencyMs, unit: 'ms' },
    ratio(`${what}: latency against the peer`, ours.latencyMs, peer.latencyMs, 0.7),
    { what: `${what}: processor time per scrape, ours`, value: ours.processorMs, unit: 'ms' },
    ratio(`${what}: processor time against the peer`, ours.processorMs, peer.processorMs, 1),
    { what: `${what}: server time per scrape, ours`, value: ours.serverMs, unit: 'ms' },
    ratio(`${what}: server time against the peer`, ours.serverMs, peer.serverMs, 0.7),
    { what: `${what}: sessions at most, peer`, value: peer.sessions, unit: '' },
    { what: `${what}: sessions at most, ours`, value: ours.sessions, unit: '' },
    { what: `${what}: resident memory, peer`, value: peer.residentMiB, unit: 'MiB' },
    { what: `${what}: resident memory, ours`, value: ours.residentMiB, unit: 'MiB' },
  ];
}

function ratio(what: string, ours: number, peer: number, atMost: number): Row {
  return { what, value: ours / peer, unit: 'x', goal: { atMost } };
}
