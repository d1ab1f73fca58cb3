import type { Cluster } from '../src/targets/postgres/cluster.ts';
import { openSession, type PostgresSession } from '../src/targets/postgres/session.ts';
import { type Contestant, compareOwnCosts, type OwnCost, scrapeInTurn, warmUp } from './contestants.ts';
import { againstPeer, type Row } from './statistics.ts';

const signal = new AbortController().signal;
const samplingMs = 5;
const warmUps = 300;

/** What one scrape costs on both sides of the connection. */
export interface Cost extends OwnCost {
  readonly serverMs: number;
  readonly sessions: number;
}

export async function costsOf(
  cluster: Cluster,
  contestants: readonly Contestant[],
  rounds: number,
): Promise<ReadonlyMap<Contestant, Cost>> {
  await using session = await openSession(cluster.access, { signal, applicationName: 'bench' });
  await warmUp(contestants, warmUps);
  await session.query('SELECT pg_stat_statements_reset()', { signal });
  const sampler = sampleSessions(session);
  const own = await scrapeInTurn(contestants, rounds);
  const sessions = await sampler.stop();
  const costs = new Map<Contestant, Cost>();
  for (const [contestant, cost] of own) {
    costs.set(contestant, {
      ...cost,
      serverMs: (await serverMs(session, contestant.role)) / rounds,
      sessions: sessions.get(contestant.role) ?? 0,
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
    ...compareOwnCosts(what, ours, peer),
    { what: `${what}: server time per scrape, ours`, value: ours.serverMs, unit: 'ms' },
    againstPeer(`${what}: server time`, ours.serverMs, peer.serverMs, 0.7),
    { what: `${what}: sessions at most, peer`, value: peer.sessions, unit: '' },
    { what: `${what}: sessions at most, ours`, value: ours.sessions, unit: '' },
  ];
}
