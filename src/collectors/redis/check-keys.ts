import { metric, type Sample, sample } from '../../core/metric.ts';
import type { Command, RedisError, Reply } from '../../targets/redis/connection.ts';
import { parseNumber } from '../../targets/redis/info.ts';
import { askAll, findKeys, isOneKey, type PlacedPattern, placed, timeBudget } from './scan.ts';
import type { NodeReading, RedisFamily } from './source.ts';

const labels = ['db', 'key'] as const;

const size = metric({
  name: 'redis_key_size',
  type: 'gauge',
  help: 'Bytes of a string, members of anything else; 0 for a key that is named and not there.',
  labels,
  source: 'TYPE; STRLEN, LLEN, SCARD, ZCARD, HLEN or XLEN',
  unit: 'members',
});
const memory = metric({
  name: 'redis_key_memory_usage_bytes',
  type: 'gauge',
  help: 'Bytes that the key takes; of a large collection some members are looked at.',
  labels,
  source: 'MEMORY USAGE',
  unit: 'bytes',
});
const value = metric({
  name: 'redis_key_value',
  type: 'gauge',
  help: 'Value of a string that is a number. Other values are never shown.',
  labels,
  source: 'GETRANGE',
  unit: 'value',
});
const complete = metric({
  name: 'redis_keys_check_complete',
  type: 'gauge',
  help: 'Whether all keys of the pattern were found in time and are no more than watch.keys.limit.',
  labels: ['db', 'pattern'],
  source: 'SCAN',
  unit: 'boolean',
});

const sizeCommands: Readonly<Record<string, string>> = {
  string: 'STRLEN',
  list: 'LLEN',
  set: 'SCARD',
  zset: 'ZCARD',
  hash: 'HLEN',
  stream: 'XLEN',
};
/** No number is written with more characters. */
const longestNumber = 32;

export const checkKeys: RedisFamily = {
  name: 'check_keys',
  about: 'Size and memory of single keys, for the keys and patterns in `watch.keys.check`.',
  metrics: [size, memory, value, complete],
  enabledByDefault: true,
  minIntervalMs: 60_000,
  async read(reading, context) {
    const { check, limit } = reading.settings.keys;
    const patterns = placed(reading, check);
    const budget = timeBudget(reading, context);
    const seen = new Set<string>();
    const samples: Sample[] = [];
    for (const pattern of patterns) {
      const found = await findKeys(reading, pattern, budget, limit - seen.size);
      const fresh = found.keys.filter((key) => !seen.has(`${pattern.db} ${key}`));
      for (const key of fresh) seen.add(`${pattern.db} ${key}`);
      samples.push(...(await keySamples(reading, pattern, fresh, context.signal)));
      if (!isOneKey(pattern)) {
        samples.push(sample(complete, Number(found.complete), { db: pattern.db, pattern: pattern.match }));
      }
    }
    return samples;
  },
};

/** Two round trips for all of them: what they are, then how large. */
async function keySamples(
  reading: NodeReading,
  pattern: PlacedPattern,
  keys: readonly string[],
  signal: AbortSignal,
): Promise<Sample[]> {
  const types = await askAll(
    reading,
    keys.map((key): Command => ['TYPE', key]),
    signal,
  );
  // In a cluster a key that is named belongs to another node: MOVED.
  const here = keys.flatMap((key, index) => {
    const type = types[index];
    return typeof type === 'string' ? [{ key, type }] : [];
  });
  const present = here.filter(({ type }) => sizeCommands[type] !== undefined);
  const answers = await askAll(
    reading,
    present.flatMap(({ key, type }): Command[] => [
      [sizeCommands[type] ?? 'STRLEN', key],
      ['MEMORY', 'USAGE', key],
      ...(type === 'string' ? [['GETRANGE', key, '0', String(longestNumber)] as const] : []),
    ]),
    signal,
  );
  const samples = here
    .filter(({ type }) => type === 'none' && isOneKey(pattern))
    .map(({ key }) => sample(size, 0, { db: pattern.db, key }));
  let next = 0;
  for (const { key, type } of present) {
    const of = { db: pattern.db, key };
    samples.push(...numberSample(size, answers[next++], of), ...numberSample(memory, answers[next++], of));
    if (type === 'string') samples.push(...valueSample(answers[next++], of));
  }
  return samples;
}

/** A key that is gone by now gives none. */
function numberSample(
  of: typeof size,
  answer: Reply | RedisError | undefined,
  key: { readonly db: string; readonly key: string },
): Sample[] {
  return typeof answer === 'number' ? [sample(of, answer, key)] : [];
}

function valueSample(
  answer: Reply | RedisError | undefined,
  key: { readonly db: string; readonly key: string },
): Sample[] {
  const number = typeof answer === 'string' && answer.length <= longestNumber ? parseNumber(answer) : undefined;
  return number === undefined || String(answer).endsWith('%') ? [] : [sample(value, number, key)];
}
