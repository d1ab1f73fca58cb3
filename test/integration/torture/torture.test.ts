import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { startTestCluster } from '../../support/postgres.ts';
import { corruptBackups } from '../../torture/corrupt-backups.ts';
import { corruptions } from '../../torture/corruption.ts';
import { killProcesses } from '../../torture/kill-processes.ts';

/** A short round by default; `npm run torture` sets the others. Another seed each day, so that more is tried in time. */
const {
  TORTURE_ROUNDS: rounds = '75',
  TORTURE_KILLS: kills = '9',
  TORTURE_SEED: seed = String(Math.floor(Date.now() / 86_400_000)),
} = process.env;
const isLong = process.env['TORTURE_ROUNDS'] !== undefined;

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster[Symbol.asyncDispose]());

function tell(what: string, figures: object): void {
  if (isLong) console.log(`${what}, seed ${seed}: ${JSON.stringify(figures, null, 1)}`);
}

describe.each([
  { encrypted: false, what: 'a stored backup' },
  { encrypted: true, what: 'an encrypted backup' },
])('$what', ({ encrypted, what }) => {
  test(
    `${rounds} corruptions of it are all found, and none is called proven (seed ${seed})`,
    async () => {
      const figures = await corruptBackups(cluster, { rounds: Number(rounds), seed: Number(seed), encrypted });
      tell(`corruptions of ${what}`, figures);

      expect(figures.missed).toEqual([]);
      expect(figures.found).toBe(Number(rounds));
      // Every kind comes up at least once from here on.
      if (Number(rounds) >= 75) expect(Object.keys(figures.byKind).sort()).toEqual(Object.keys(corruptions).sort());
    },
    60_000 + Number(rounds) * 1_000,
  );
});

test(
  `a process killed at any of ${kills} moments leaves no false success, no lost backup and nothing lasting (seed ${seed})`,
  async () => {
    await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-torture-' });

    const figures = await killProcesses({ cluster, folder: folder.path, kills: Number(kills), seed: Number(seed) });
    tell('kills', figures);

    expect(figures.problems).toEqual([]);
    expect(figures.kills).toBe(Number(kills));
  },
  120_000 + Number(kills) * 20_000,
);
