import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { DynamodbCollector, Recovery } from './source.ts';

const labels = ['table'] as const;
const source = 'DescribeContinuousBackups';

const enabled = metric({
  name: 'dynamodb_pitr_enabled',
  type: 'gauge',
  help: 'Whether the table can be restored to any second of the recovery period (point-in-time recovery). A restored table has it switched off.',
  labels,
  source,
  unit: 'boolean',
});

const earliest = metric({
  name: 'dynamodb_pitr_earliest_restorable_timestamp_seconds',
  type: 'gauge',
  help: 'Earliest instant to which the table can be restored, in seconds since 1970.',
  labels,
  source,
  unit: 'seconds',
});

const latest = metric({
  name: 'dynamodb_pitr_latest_restorable_timestamp_seconds',
  type: 'gauge',
  help: 'Latest instant to which the table can be restored, in seconds since 1970; about five minutes ago. time() less this is what a loss of the table would cost.',
  labels,
  source,
  unit: 'seconds',
});

const period = metric({
  name: 'dynamodb_pitr_recovery_period_seconds',
  type: 'gauge',
  help: 'How far back the table can be restored at most, in seconds: 1 to 35 days.',
  labels,
  source,
  unit: 'seconds',
});

const secondsPerDay = 86_400;

export const recovery: DynamodbCollector = {
  name: 'recovery',
  about: 'Point-in-time recovery: on or off, and to when a table can be restored.',
  scope: 'server',
  metrics: [enabled, earliest, latest, period],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.recovery, context, (found) => [...found].flatMap(([table, one]) => samplesOfTable(table, one))),
};

function samplesOfTable(table: string, one: Recovery): Sample[] {
  const days = one.periodDays;
  const known = [
    [earliest, one.earliestSeconds],
    [latest, one.latestSeconds],
    [period, days === undefined ? undefined : days * secondsPerDay],
  ] as const;
  return [
    sample(enabled, one.enabled ? 1 : 0, { table }),
    ...known.flatMap(([of, value]) => (value === undefined ? [] : [sample(of, value, { table })])),
  ];
}
