import { metric, type Sample, sample } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import type { Command } from '../../targets/redis/connection.ts';
import { patternOf } from './key-pattern.ts';
import { askAll, type PlacedPattern, placed, scanKeys, type TimeBudget, timeBudget } from './scan.ts';
import type { NodeReading, RedisFamily } from './source.ts';

const labels = ['db', 'key_group'] as const;

const count = metric({
  name: 'redis_key_group_count',
  type: 'gauge',
  help: 'Keys whose names differ in numbers and identifiers only. The smallest groups beyond watch.keys.limit stand together as "overflow". No sample when looking did not end in time, since a part would mislead.',
  labels,
  source: 'SCAN',
  unit: 'keys',
});
const memory = metric({
  name: 'redis_key_group_memory_usage_bytes',
  type: 'gauge',
  help: 'Bytes that the keys of the group take; of large collections some members are looked at.',
  labels,
  source: 'MEMORY USAGE',
  unit: 'bytes',
});
const distinct = metric({
  name: 'redis_number_of_distinct_key_groups',
  type: 'gauge',
  help: 'Groups of keys, those in "overflow" included; of the first 10,000 at most.',
  labels: ['db'],
  source: 'SCAN',
  unit: 'groups',
});
const duration = metric({
  name: 'redis_last_key_groups_scrape_duration_milliseconds',
  type: 'gauge',
  help: 'Milliseconds that looking for groups of keys took.',
  labels: [],
  source: 'the scrape',
  unit: 'milliseconds',
});
const complete = metric({
  name: 'redis_key_groups_complete',
  type: 'gauge',
  help: 'Whether all keys of the pattern were looked at within watch.keys.timeLimit.',
  labels: ['db', 'pattern'],
  source: 'SCAN',
  unit: 'boolean',
});

/** More are not told apart, so that names that have nothing in common cannot fill the memory. */
const mostGroups = 10_000;
const overflow = 'overflow';

export const keyGroups: RedisFamily = {
  name: 'key_groups',
  about: 'Keys and their memory by what their names have in common, for the patterns in `watch.keys.groups`.',
  metrics: [count, memory, distinct, duration, complete],
  enabledByDefault: true,
  minIntervalMs: 60_000,
  async read(reading, context) {
    const patterns = placed(reading, reading.settings.keys.groups);
    const startedMs = context.clock.monotonicMs();
    const budget = timeBudget(reading, context);
    const databases = new Map<string, Groups>();
    const samples: Sample[] = [];
    for (const pattern of patterns) {
      const groups = databases.get(pattern.db) ?? new Groups();
      databases.set(pattern.db, groups);
      const isComplete = await lookAt(reading, pattern, groups, { budget, context });
      groups.isComplete &&= isComplete;
      samples.push(sample(complete, Number(isComplete), { db: pattern.db, pattern: pattern.match }));
    }
    for (const [db, groups] of databases) samples.push(...groupSamples(db, groups, reading.settings.keys.limit));
    return [...samples, sample(duration, context.clock.monotonicMs() - startedMs, {})];
  },
};

interface Group {
  keys: number;
  memoryBytes: number;
}

/** The groups of one database. A key that SCAN gives twice counts twice: remembering all keys could fill the memory. */
class Groups {
  readonly byName = new Map<string, Group>();
  isComplete = true;

  add(key: string, memoryBytes: number): void {
    const own = patternOf(key);
    const name = this.byName.has(own) || this.byName.size < mostGroups ? own : overflow;
    const group = this.byName.get(name) ?? { keys: 0, memoryBytes: 0 };
    group.keys++;
    group.memoryBytes += memoryBytes;
    this.byName.set(name, group);
  }
}

/** Each step of SCAN is followed by one round trip for the memory of what it found. */
async function lookAt(
  reading: NodeReading,
  pattern: PlacedPattern,
  groups: Groups,
  { budget, context }: { readonly budget: TimeBudget; readonly context: WorkContext },
): Promise<boolean> {
  const end = await scanKeys(reading, pattern, budget, async (keys) => {
    const answers = await askAll(
      reading,
      keys.map((key): Command => ['MEMORY', 'USAGE', key]),
      context.signal,
    );
    for (const [index, key] of keys.entries()) {
      const bytes = answers[index];
      // Gone by now.
      if (typeof bytes === 'number') groups.add(key, bytes);
    }
    return true;
  });
  return end === 'all';
}

function groupSamples(db: string, groups: Groups, limit: number): Sample[] {
  if (!groups.isComplete) return [];
  const byKeys = [...groups.byName].sort(([, a], [, b]) => b.keys - a.keys);
  const shown = new Map(byKeys.slice(0, limit));
  for (const [, group] of byKeys.slice(limit)) {
    const rest = shown.get(overflow) ?? { keys: 0, memoryBytes: 0 };
    shown.set(overflow, { keys: rest.keys + group.keys, memoryBytes: rest.memoryBytes + group.memoryBytes });
  }
  return [
    sample(distinct, groups.byName.size, { db }),
    ...[...shown].flatMap(([name, group]) => [
      sample(count, group.keys, { db, key_group: name }),
      sample(memory, group.memoryBytes, { db, key_group: name }),
    ]),
  ];
}
