import { metric, sample } from '../../core/metric.ts';
import { type PgbouncerCollector, readView } from './source.ts';

const stateMetric = metric({
  name: 'pgbouncer_state',
  type: 'gauge',
  help: 'Whether all of PgBouncer is in this state: active, paused (PAUSE: clients wait for RESUME) or suspended. Of one paused database pgbouncer_databases_paused tells.',
  labels: ['state'],
  source: 'SHOW STATE',
  unit: 'boolean',
});

export const state: PgbouncerCollector = {
  name: 'state',
  about: 'Whether PgBouncer works or was paused; from PgBouncer 1.19 on.',
  scope: 'server',
  metrics: [stateMetric],
  enabledByDefault: true,
  async collect(source, context) {
    const rows = await readView(source, 'STATE', context);
    return rows.map((row) => sample(stateMetric, row['value'] === 'yes' ? 1 : 0, { state: row['key'] ?? '' }));
  },
};
