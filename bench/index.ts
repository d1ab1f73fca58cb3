import { benchBackup } from './backup.ts';
import { benchDynamodb } from './dynamodb.ts';
import { benchExposition } from './exposition.ts';
import { benchRedis } from './redis.ts';
import { benchScrape } from './scrape.ts';
import { formatRow, isReached, type Row } from './statistics.ts';

const benches: Readonly<Record<string, () => Promise<Row[]>>> = {
  backup: benchBackup,
  dynamodb: benchDynamodb,
  exposition: benchExposition,
  redis: benchRedis,
  scrape: benchScrape,
};

/** `npm run bench [-- NAME …]`: runs the benchmarks; the exit code is 1 when a goal is missed. */
const chosen = process.argv.slice(2);
let missed = 0;
for (const [name, bench] of Object.entries(benches)) {
  if (chosen.length > 0 && !chosen.includes(name)) continue;
  for (const row of await bench()) {
    console.log(formatRow(row));
    if (!isReached(row)) missed++;
  }
}
console.log(missed === 0 ? 'every goal reached' : `${missed} goals missed`);
process.exit(missed === 0 ? 0 : 1);
