import { expect, test } from 'vitest';
import { shortenAlertmanager, shortenRules } from '../../support/shorten-alerts.ts';

test('durations pass faster, and nothing else changes', () => {
  const rules = 'expr: increase(a[1h]) > 3600 and b offset 12h == 1\n  for: 1h30m\n  summary: for 2m';

  expect(shortenRules(rules, 60)).toBe(
    'expr: increase(a[60000ms]) > 3600 and b offset 720000ms == 1\n  for: 90000ms\n  summary: for 2m',
  );
});

test('a limit that is replaced must be there', () => {
  expect(shortenRules('expr: a > 3600', 60, { 'a > 3600': 'a > 20' })).toBe('expr: a > 20');
  expect(() => shortenRules('expr: a > 7200', 60, { 'a > 3600': 'a > 20' })).toThrow('no rule has "a > 3600"');
});

test('Alertmanager waits less and tells the receiver of the test', () => {
  const shipped = '  group_wait: 30s\n  repeat_interval: 12h\n  url: http://127.0.0.1:9095/office';

  expect(shortenAlertmanager(shipped, 60, 'http://127.0.0.1:1')).toBe(
    '  group_wait: 500ms\n  repeat_interval: 12h\n  url: http://127.0.0.1:1/office',
  );
});
