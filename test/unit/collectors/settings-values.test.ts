import { expect, test } from 'vitest';
import { settingName, settingValue } from '../../../src/collectors/postgres/settings-values.ts';

test.each([
  ['100', '', { value: 100, unit: undefined }],
  ['0.9', '', { value: 0.9, unit: undefined }],
  ['1e-05', '', { value: 0.00001, unit: undefined }],
  ['200', 'ms', { value: 0.2, unit: 'seconds' }],
  ['5', 'min', { value: 300, unit: 'seconds' }],
  ['1', 'd', { value: 86_400, unit: 'seconds' }],
  ['16384', '8kB', { value: 134_217_728, unit: 'bytes' }],
  ['64', 'MB', { value: 67_108_864, unit: 'bytes' }],
  ['16777216', 'B', { value: 16_777_216, unit: 'bytes' }],
  ['2', '16MB', { value: 33_554_432, unit: 'bytes' }],
  // None, or as another setting.
  ['-1', 'ms', { value: -1, unit: 'seconds' }],
  ['-1', 'kB', { value: -1, unit: 'bytes' }],
  ['0', 's', { value: 0, unit: 'seconds' }],
  // As Aurora writes them.
  ['16MB', '', { value: 16_777_216, unit: 'bytes' }],
  ['5000ms', '', { value: 5, unit: 'seconds' }],
  ['10s', 'ms', { value: 10, unit: 'seconds' }],
  ['1h', '', { value: 3_600, unit: 'seconds' }],
] as const)('%s in units of "%s"', (setting, unit, expected) => {
  expect(settingValue(setting, unit)).toEqual(expected);
});

test.each([
  ['', ''],
  ['sixteen', ''],
  ['7 furlongs', ''],
  ['7', 'furlongs'],
])('%j in units of %j is no number that is understood', (setting, unit) => {
  expect(settingValue(setting, unit)).toBeUndefined();
});

test('names', () => {
  expect(settingName('auto_explain.log_min-duration', 'seconds')).toBe('auto_explain_log_min_duration_seconds');
  expect(settingName('zölle', undefined)).toBe('z_lle');
});
