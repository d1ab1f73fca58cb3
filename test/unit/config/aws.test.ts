import { expect, test } from 'vitest';
import { engines } from '../../../src/collectors/engines.ts';
import { readConfig } from '../../../src/config/load.ts';
import { formatProblem } from '../../../src/config/problem.ts';

function read(engine: string, collectors: string) {
  const knowledge = {
    collectorNames: (of: keyof typeof engines) => engines[of].collectors.map(({ name }) => name),
    scheduleProblem: () => undefined,
  };
  const text = `targets:\n  shop: { engine: ${engine}, watch: { collectors: { ${collectors} } } }`;
  return readConfig(text, { file: '/etc/watchkeeper/w.yaml', environment: {}, knowledge });
}

test.each([
  ['elasticache', 'memory: false', { memory: false, serverless_use: false }],
  ['elasticache', 'processing: false', { processing: false, serverless_use: false }],
  [
    'lambda',
    'concurrency: false',
    { concurrency: false, reserved_concurrency_use: false, account_concurrency_use: false },
  ],
  ['lambda', 'invocations: false, error_rate: false', { invocations: false, error_rate: false }],
  ['dynamodb', 'throttle_events: false', { throttle_events: false, throttling: false }],
  ['rds', 'free_space: false', { free_space: false, free_storage: false }],
  ['rds', 'free_storage: true', { free_storage: true }],
])('%s with %s: what is made of a family is off with it', (engine, written, collectors) => {
  const result = read(engine, written);

  const [target] = result.ok ? result.config.targets : [];
  expect(target?.watch.collectors).toEqual(collectors);
});

test.each([
  ['elasticache', 'memory: false, serverless_use: true', ['memory: the family "serverless_use" needs it']],
  [
    'lambda',
    'concurrency: false, account_concurrency_use: true',
    ['concurrency: the family "account_concurrency_use"'],
  ],
])('%s with %s: a family that is asked for and lacks another is told', (engine, written, told) => {
  const result = read(engine, written);

  const problems = result.ok ? [] : result.problems.map((one) => formatProblem('w', one));
  expect(problems).toEqual(told.map((one) => expect.stringContaining(`targets.shop.watch.collectors.${one}`)));
});
