import { metric, sample } from '../../core/metric.ts';
import { parseFields } from '../../targets/redis/info.ts';
import { NotApplicable } from '../collector.ts';
import type { RedisFamily } from './source.ts';

const errorsTotal = metric({
  name: 'redis_errors_total',
  type: 'counter',
  help: 'Errors that were answered, by their first word; the server stops counting new ones at 128.',
  labels: ['err'],
  source: 'INFO errorstats',
  unit: 'errors',
});

export const errors: RedisFamily = {
  name: 'errors',
  about:
    'Errors that were answered, by kind; from Redis 6.2 on. Scripts can make kinds of their own, so names that only say that counting stopped are not among them.',
  kind: 'any',
  metrics: [errorsTotal],
  enabledByDefault: true,
  read({ info }) {
    if (info.number('total_error_replies') === undefined) throw new NotApplicable('from Redis 6.2 on');
    return info.startingWith('errorstat_').flatMap(([err, text]) => {
      const count = Number(parseFields(text).get('count'));
      return err === 'ERRORSTATS_DISABLED' || Number.isNaN(count) ? [] : [sample(errorsTotal, count, { err })];
    });
  },
};
