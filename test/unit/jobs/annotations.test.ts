import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { literalSecret, Secret, type SecretSource } from '../../../src/core/secret.ts';
import { annotationOf } from '../../../src/jobs/annotations/annotation.ts';
import type { GrafanaAccess } from '../../../src/jobs/annotations/grafana.ts';
import { Annotations, type AnnotationsOptions } from '../../../src/jobs/annotations/writer.ts';
import { JobFailed, type JobKind } from '../../../src/jobs/job.ts';
import type { RunOutcome } from '../../../src/jobs/run-outcome.ts';
import { type GrafanaReceiver, startGrafanaReceiver } from '../../support/grafana-receiver.ts';
import { recordingLog } from '../../support/recording-log.ts';

const lineage = { store: 'local', target: 'shop', schedule: 'nightly', database: 'orders' };
const job = (kind: JobKind = 'backup') => ({ kind, lineage });
const ran = { startedAt: new Date('2026-03-02T02:00:00Z'), durationSeconds: 12.4, tries: 1 };
const succeeded = (fields: Record<string, unknown> = { bytes: 5 * 2 ** 20 }): RunOutcome => ({
  ...ran,
  status: 'succeeded',
  result: { fields },
});
const failed: RunOutcome = {
  ...ran,
  status: 'failed',
  reason: 'store_full',
  error: new JobFailed('store_full', 'a < b & c'),
};

let receiver: GrafanaReceiver;
let annotations: Annotations;
const { log, lines } = recordingLog();
beforeEach(async () => {
  lines.length = 0;
  receiver = await startGrafanaReceiver();
});
afterEach(async () => {
  await annotations?.[Symbol.asyncDispose]();
  await receiver[Symbol.asyncDispose]();
});

function start(given: Partial<GrafanaAccess> = {}, limits: AnnotationsOptions['limits'] = {}): Annotations {
  const access = {
    url: receiver.url,
    token: literalSecret('grafana-secret'),
    tags: ['prod'],
    timeout: 5_000,
    ...given,
  };
  annotations = new Annotations({
    grafana: () => access,
    clock: systemClock,
    log,
    limits: { firstWaitMs: 5, longestWaitMs: 20, ...limits },
  });
  return annotations;
}

function told(): Record<string, number> {
  return Object.fromEntries(
    annotations
      .samples()
      .map(({ metric, labelValues, value }) => [
        [metric.name.replace('watchkeeper_annotations_', ''), ...labelValues].join(' '),
        value,
      ]),
  );
}
const until = (condition: () => void) => vi.waitFor(condition, { timeout: 10_000, interval: 5 });

test('a backup becomes a region with tags, by a token that stands nowhere else', async () => {
  start({ dashboardUid: 'watchkeeper-fleet' }).ended(job(), succeeded());

  await until(() => expect(told()).toMatchObject({ written_total: 1 }));
  expect(receiver.requests).toEqual([
    {
      method: 'POST',
      path: '/api/annotations',
      token: 'Bearer grafana-secret',
      body: {
        dashboardUID: 'watchkeeper-fleet',
        time: 1_772_416_800_000,
        timeEnd: 1_772_416_812_400,
        tags: ['watchkeeper', 'backup', 'succeeded', 'target:shop', 'prod'],
        text: 'Backup of orders on shop (nightly, local) succeeded, in 12.4s, 5.0 MiB',
      },
    },
  ]);
  expect(told()['last_success_timestamp_seconds']).toBeGreaterThan(1.7e9);
});

test('why a proof failed may quote rows, and is not sent', () => {
  const outcome = {
    ...failed,
    reason: 'not_proven',
    error: new JobFailed('not_proven', 'row ("alice@example.com")'),
  } as const;

  const annotation = annotationOf(job('verify'), outcome);

  expect(annotation?.text).toContain('(not_proven): its report and the log say more');
  expect(annotation?.text).not.toContain('alice');
});

test.each([
  [
    'verify',
    succeeded({ verdict: 'proven' }),
    'Proof of orders on shop (nightly, local) succeeded: it restores, in 12.4s',
  ],
  [
    'prune',
    succeeded({ deleted: 2, marked: 1 }),
    'Retention of orders on shop (nightly, local) deleted 2 and marked 1 backups',
  ],
  ['backup', failed, 'Backup of orders on shop (nightly, local) failed after 12.4s (store_full): a &lt; b &amp; c'],
  ['backup', succeeded({ bytes: 10, missingIn: 'offsite' }), /; it is missing in offsite$/],
] as const)('what is told of %s', (kind, outcome, text) => {
  const annotation = annotationOf(job(kind), outcome);

  expect(annotation?.tags).toEqual(['watchkeeper', kind, outcome.status, 'target:shop']);
  expect(annotation?.text).toEqual(typeof text === 'string' ? text : expect.stringMatching(text));
});

test.each([
  ['prune', succeeded({ deleted: 0, marked: 0 })],
  ['copy', succeeded()],
  ['backup', { ...ran, status: 'skipped', reason: 'locked' }],
  ['backup', { ...ran, status: 'cancelled', error: new Error('stopping') }],
] as const)('nothing is told of a run without an event (%s)', (kind, outcome) => {
  expect(annotationOf(job(kind), outcome)).toBeUndefined();
});

test('where none are configured nothing is kept, sent or told', async () => {
  annotations = new Annotations({ grafana: () => undefined, clock: systemClock, log });

  annotations.ended(job(), succeeded());

  expect(annotations.samples()).toEqual([]);
});

test.each([500, 503, 429])(
  '%s is tried again until it is taken; the log tells the first failure and the end',
  async (status) => {
    receiver.behave((_request, number) => (number <= 3 ? status : 200));

    start().ended(job(), succeeded());

    await until(() => expect(told()).toMatchObject({ written_total: 1, failed_attempts_total: 3, queued: 0 }));
    expect(lines.map(({ message }) => message)).toEqual([
      'an annotation cannot be written',
      'annotations are written again',
    ]);
  },
);

test.each([401, 403, 400, 404])('%s is given up at once, and the next one is tried', async (status) => {
  receiver.behave((_request, number) => (number === 1 ? status : 200));

  start().ended(job(), succeeded());
  annotations.ended(job('verify'), succeeded());

  await until(() => expect(told()).toMatchObject({ written_total: 1, 'dropped_total refused': 1 }));
  expect(JSON.stringify(lines)).toContain(`Grafana answers ${status}: no such luck`);
  expect(JSON.stringify(lines)).not.toContain('grafana-secret');
});

test('a token that was rotated is read again', async () => {
  let value = 'old';
  const token: SecretSource = {
    origin: 'aws-secret:grafana',
    read: async () => new Secret(value),
    forget: () => {
      value = 'new';
    },
  };
  receiver.behave((request) => (request.token === 'Bearer new' ? 200 : 401));

  start({ token }).ended(job(), succeeded());

  await until(() => expect(told()).toMatchObject({ written_total: 1, failed_attempts_total: 0 }));
});

test('the token does not go where a redirect leads, and a page of a proxy is no success', async () => {
  receiver.behave((_request, number) => (number === 1 ? 'redirect' : 'page'));

  start().ended(job(), succeeded());
  annotations.ended(job(), succeeded());

  await until(() => expect(told()).toMatchObject({ 'dropped_total refused': 2, written_total: 0 }));
  expect(receiver.requests).toHaveLength(2);
});

test('a server that hangs is given up after the timeout, and after the last attempt', async () => {
  receiver.behave(() => 'hang');

  start({ timeout: 30 }, { attempts: 3 }).ended(job(), succeeded());

  await until(() => expect(told()).toMatchObject({ 'dropped_total failed': 1, failed_attempts_total: 3 }));
  expect(lines[0]?.fields['error']).toBe('Grafana does not answer within 30 ms');
});

test('the queue is bounded: the oldest go, are counted, and who ends a run never waits', async () => {
  receiver.behave(() => 'hang');
  start({}, { queue: 10, flushMs: 50 });

  for (let run = 0; run < 50; run++) annotations.ended(job(), succeeded());

  // One is on its way.
  expect(told()).toMatchObject({ queued: 10, 'dropped_total queue_full': 39 });
});

test('what waits when the process stops is written at once, without the waits between attempts', async () => {
  receiver.behave((_request, number) => (number === 1 ? 503 : 200));
  start({}, { firstWaitMs: 3_600_000, longestWaitMs: 3_600_000 });
  for (let run = 0; run < 5; run++) annotations.ended(job(), succeeded());
  await until(() => expect(told()).toMatchObject({ failed_attempts_total: 1 }));

  await annotations[Symbol.asyncDispose]();

  expect(told()).toMatchObject({ written_total: 5, queued: 0, 'dropped_total shutdown': 0 });
});

test('a server that hangs does not hold up the end of the process; what is lost is counted', async () => {
  receiver.behave(() => 'hang');
  start({ timeout: 60_000 }, { flushMs: 100 });
  for (let run = 0; run < 5; run++) annotations.ended(job(), succeeded());
  await until(() => expect(receiver.requests).toHaveLength(1));
  const startMs = performance.now();

  await annotations[Symbol.asyncDispose]();

  expect(performance.now() - startMs).toBeLessThan(5_000);
  expect(told()).toMatchObject({ written_total: 0, queued: 0, 'dropped_total shutdown': 5 });
});
