import { metric, type Sample, sample } from '../../core/metric.ts';
import { placed, scanKeys, timeBudget } from './scan.ts';
import type { RedisFamily } from './source.ts';

const count = metric({
  name: 'redis_keys_count',
  type: 'gauge',
  help: 'Keys that match the pattern in the label key; no sample when counting did not end in time, since a part would mislead.',
  labels: ['db', 'key'],
  source: 'SCAN',
  unit: 'keys',
});
const complete = metric({
  name: 'redis_keys_count_complete',
  type: 'gauge',
  help: 'Whether counting the keys of the pattern ended within watch.keys.timeLimit.',
  labels: ['db', 'key'],
  source: 'SCAN',
  unit: 'boolean',
});

export const keyCounts: RedisFamily = {
  name: 'key_counts',
  about: 'Keys by pattern, for the patterns in `watch.keys.counts`; the whole database is walked over for each.',
  metrics: [count, complete],
  enabledByDefault: true,
  minIntervalMs: 60_000,
  async read(reading, context) {
    const patterns = placed(reading, reading.settings.keys.counts);
    const budget = timeBudget(reading, context);
    const samples: Sample[] = [];
    for (const pattern of patterns) {
      let keys = 0;
      const end = await scanKeys(reading, pattern, budget, (found) => {
        keys += found.length;
        return true;
      });
      const labels = { db: pattern.db, key: pattern.match };
      samples.push(sample(complete, Number(end === 'all'), labels));
      if (end === 'all') samples.push(sample(count, keys, labels));
    }
    return samples;
  },
};
