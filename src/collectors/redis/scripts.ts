import { readFile } from 'node:fs/promises';
import { errorMessage } from '../../core/errors.ts';
import { metric, type Sample, sample } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { RedisError, type Reply } from '../../targets/redis/connection.ts';
import { parseNumber } from '../../targets/redis/info.ts';
import { fieldsOf } from '../../targets/redis/topology.ts';
import { NotApplicable } from '../collector.ts';
import { askOne, assertHasOwnKeys } from './scan.ts';
import { explain, type NodeReading, type RedisFamily } from './source.ts';

const values = metric({
  name: 'redis_script_values',
  type: 'gauge',
  help: 'A number that the script gave under this name.',
  labels: ['key', 'filename'],
  source: 'EVAL_RO',
  unit: 'value',
});
const result = metric({
  name: 'redis_script_result',
  type: 'gauge',
  help: 'What became of the script: 0 it failed (the log says why), 1 it gave values, 2 it gave none.',
  labels: ['filename'],
  source: 'EVAL_RO',
  unit: 'state',
});
const notShown = metric({
  name: 'redis_script_values_not_shown',
  type: 'gauge',
  help: 'Names beyond the first 1,000 that the script gave.',
  labels: ['filename'],
  source: 'EVAL_RO',
  unit: 'values',
});

const mostShown = 1_000;
const outcome = { failed: 0, gaveValues: 1, gaveNothing: 2 } as const;

export const scripts: RedisFamily = {
  name: 'scripts',
  about: 'What your own Lua scripts in `watch.scripts` give; they cannot write. From Redis 7.0 on.',
  metrics: [values, result, notShown],
  enabledByDefault: false,
  minIntervalMs: 30_000,
  async read(reading, context) {
    const files = reading.settings.scripts;
    if (files.length === 0) throw new NotApplicable('no scripts are named in "watch.scripts"');
    assertHasOwnKeys(reading);
    await askOne(reading, ['SELECT', String(reading.database)], context.signal);
    const samples: Sample[] = [];
    for (const filename of new Set(files)) samples.push(...(await run(reading, filename, context)));
    return samples;
  },
};

/** A script that fails is told as such and costs the others nothing; a right that is missing fails the family. */
async function run(reading: NodeReading, filename: string, { signal, log }: WorkContext): Promise<Sample[]> {
  try {
    // Read each time: whoever changes it need not restart anything.
    const script = await readFile(filename, 'utf8');
    const [answer = null] = await reading.connection.ask([['EVAL_RO', script, '0']], signal);
    if (answer instanceof RedisError) {
      // What a script may not do is refused in words much like these.
      if (/^ERR unknown command/i.test(answer.message)) throw new NotApplicable('the server has no EVAL_RO');
      throw answer.code === 'NOPERM' ? explain(answer, ['EVAL_RO']) : answer;
    }
    return valueSamples(filename, answer);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof NotApplicable || isRefused(error)) throw error;
    log.warn({ file: filename, error: errorMessage(error) }, 'a script fails');
    return [sample(result, outcome.failed, { filename })];
  }
}

function isRefused(error: unknown): boolean {
  return error instanceof Error && error.cause instanceof RedisError && error.cause.code === 'NOPERM';
}

/** `['name', '12', 'other', 3]`: what is no number is left out, and so is a name that comes again. */
function valueSamples(filename: string, reply: Reply): Sample[] {
  const found = [...fieldsOf(reply)].flatMap(([key, text]) => {
    const value = parseNumber(text);
    return value === undefined ? [] : [sample(values, value, { key, filename })];
  });
  const state = found.length === 0 ? outcome.gaveNothing : outcome.gaveValues;
  return [
    ...found.slice(0, mostShown),
    sample(result, state, { filename }),
    sample(notShown, Math.max(0, found.length - mostShown), { filename }),
  ];
}
