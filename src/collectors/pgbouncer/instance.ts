import { metric, sample } from '../../core/metric.ts';
import { type PgbouncerCollector, readView } from './source.ts';

const versionInfo = metric({
  name: 'pgbouncer_version_info',
  type: 'gauge',
  help: 'Always 1; the label tells the version, as PgBouncer writes it.',
  labels: ['version'],
  source: 'SHOW VERSION',
  unit: 'info',
});

export const instance: PgbouncerCollector = {
  name: 'instance',
  about: 'Version of PgBouncer.',
  scope: 'server',
  metrics: [versionInfo],
  enabledByDefault: true,
  async collect(source, context) {
    const [row] = await readView(source, 'VERSION', context);
    return [sample(versionInfo, 1, { version: row?.['version'] ?? '' })];
  },
};
