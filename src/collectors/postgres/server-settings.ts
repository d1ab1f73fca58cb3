import { type Metric, metric, type Sample, sample } from '../../core/metric.ts';
import type { Row } from '../../targets/postgres/session.ts';
import { labelOf } from './columns.ts';
import { type SettingValue, settingName, settingValue } from './settings-values.ts';
import { type PostgresCollector, readRows } from './source.ts';

const prefix = 'pg_settings_';

const choice = metric({
  name: 'pg_setting_info',
  type: 'gauge',
  help: 'Always 1; the label setting tells what is chosen for a setting with a list of choices, such as wal_level.',
  labels: ['name', 'setting'],
  source: "pg_settings where vartype = 'enum'",
  unit: 'info',
});

const sql = `
SELECT name, setting, unit, vartype, short_desc FROM pg_settings
 WHERE vartype IN ('bool', 'integer', 'real', 'enum')`;

export const serverSettings: PostgresCollector = {
  name: 'settings',
  about: 'The settings of the server. Text ones are left out, because they may hold secrets.',
  scope: 'server',
  metrics: [choice],
  openNames: {
    prefix,
    help: 'One gauge for each setting that is a number or a switch (0 or 1), named after it, e.g. `pg_settings_max_connections`, `pg_settings_shared_buffers_bytes`, `pg_settings_checkpoint_timeout_seconds`: times end in `_seconds`, amounts of memory in `_bytes`. -1 is shown as it is: it says "none" or "as another setting".',
    source: 'pg_settings',
  },
  enabledByDefault: true,
  // Some 350 rows that change with a reload of the server at most.
  minIntervalMs: 60_000,
  async collect(source, context) {
    const rows = await readRows(source, sql, context);
    const taken = new Set<string>();
    return rows.flatMap((row) => {
      if (row['vartype'] === 'enum') {
        return [sample(choice, 1, { name: labelOf(row, 'name'), setting: labelOf(row, 'setting') })];
      }
      const found = settingSample(row);
      // "a.b" of one extension and "a_b" of another look alike here: the first stands for both.
      if (found === undefined || taken.has(found.metric.name)) return [];
      taken.add(found.metric.name);
      return [found];
    });
  },
};

function settingSample(row: Row): Sample | undefined {
  const name = labelOf(row, 'name');
  const measured = measure(row);
  if (measured === undefined) return undefined;
  return {
    metric: settingMetric(name, measured.unit, labelOf(row, 'short_desc')),
    labelValues: [],
    value: measured.value,
  };
}

function measure(row: Row): SettingValue | undefined {
  const setting = labelOf(row, 'setting');
  if (row['vartype'] === 'bool') return { value: Number(setting === 'on'), unit: undefined };
  return settingValue(setting, labelOf(row, 'unit'));
}

function settingMetric(name: string, unit: SettingValue['unit'], description: string): Metric {
  const help = `Server setting ${name}: ${description}`;
  return metric({
    name: prefix + settingName(name, unit),
    type: 'gauge',
    help,
    labels: [],
    source: 'pg_settings',
    unit: unit ?? '',
  });
}
