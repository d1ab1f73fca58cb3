import { metric, type Sample, sample } from '../../core/metric.ts';
import type { Command } from '../../targets/redis/connection.ts';
import { renamed } from './commands.ts';
import type { RedisWatchSettings } from './settings.ts';
import type { NodeReading, RedisFamily } from './source.ts';

const length = metric({
  name: 'redis_slowlog_length',
  type: 'gauge',
  help: 'Entries in the slow log, slowlog-max-len (128) at most: it does not tell how many slow commands there were, see redis_slowlog_entries_total.',
  labels: [],
  source: 'SLOWLOG LEN',
  unit: 'entries',
});
const lastId = metric({
  name: 'redis_slowlog_last_id',
  type: 'gauge',
  help: 'Id of the newest entry in the slow log; 0 also when it is empty.',
  labels: [],
  source: 'SLOWLOG GET 1',
  unit: 'id',
});
const lastDuration = metric({
  name: 'redis_last_slow_execution_duration_seconds',
  type: 'gauge',
  help: 'Seconds that the command of the newest entry took; 0 when the log is empty.',
  labels: [],
  source: 'SLOWLOG GET 1',
  unit: 'seconds',
});
const entries = metric({
  name: 'redis_slowlog_entries_total',
  type: 'counter',
  help: 'Slow commands since the start of the server, by the id of the newest: neither a full log nor SLOWLOG RESET changes it. No sample while the log is empty and no entry was ever seen.',
  labels: [],
  source: 'SLOWLOG GET 1: id + 1',
  unit: 'entries',
});
const lastTime = metric({
  name: 'redis_slowlog_last_timestamp_seconds',
  type: 'gauge',
  help: 'When the command of the newest entry ran, in seconds since 1970; no sample when the log is empty.',
  labels: [],
  source: 'SLOWLOG GET 1',
  unit: 'seconds',
});

export const slowlog: RedisFamily = {
  name: 'slowlog',
  about: 'Slow commands, counted by the ids of the slow log. What the commands were is not read.',
  metrics: [length, lastId, lastDuration, entries, lastTime],
  enabledByDefault: true,
  commands: ({ settings }) => [lengthCommand(settings), newestCommand(settings)],
  read(reading) {
    const { settings } = reading;
    const newest = newestOf(reading);
    return [
      sample(length, Number(reading.reply(lengthCommand(settings))), {}),
      sample(lastId, newest?.id ?? 0, {}),
      sample(lastDuration, (newest?.usec ?? 0) / 1_000_000, {}),
      ...countSamples(reading, newest?.id),
      ...(newest === undefined ? [] : [sample(lastTime, newest.at, {})]),
    ];
  },
};

const lengthCommand = (settings: RedisWatchSettings): Command => renamed(settings, 'SLOWLOG', 'LEN');
const newestCommand = (settings: RedisWatchSettings): Command => renamed(settings, 'SLOWLOG', 'GET', '1');

function newestOf(
  reading: NodeReading,
): { readonly id: number; readonly at: number; readonly usec: number } | undefined {
  const reply = reading.reply(newestCommand(reading.settings));
  const newest = Array.isArray(reply) ? reply[0] : undefined;
  if (!Array.isArray(newest)) return undefined;
  const [id, at, usec] = newest;
  return { id: Number(id), at: Number(at), usec: Number(usec) };
}

/** Ids go up by one from 0 and begin anew only with the server, so the last one is remembered past SLOWLOG RESET. */
function countSamples({ info, memory }: NodeReading, id: number | undefined): Sample[] {
  const runId = info.text('run_id') ?? '';
  if (memory.runId !== runId) {
    memory.runId = runId;
    delete memory.slowlogId;
  }
  if (id !== undefined) memory.slowlogId = id;
  return memory.slowlogId === undefined ? [] : [sample(entries, memory.slowlogId + 1, {})];
}
