import type { FunctionConfiguration } from '@aws-sdk/client-lambda';
import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import type { LambdaCollector } from './source.ts';

const labels = ['function'] as const;
const source = 'ListFunctions';
const mebibyte = 1024 ** 2;

const exists = metric({
  name: 'lambda_function_exists',
  type: 'gauge',
  help: 'Whether there is such a function in this account and region; 0 only for functions that the configuration calls by name.',
  labels,
  source,
  unit: 'boolean',
});

const info = metric({
  name: 'lambda_function_info',
  type: 'gauge',
  help: 'Always 1; what the function is. The dead-letter target is empty where there is none.',
  labels: [...labels, 'arn', 'runtime', 'architecture', 'package_type', 'dead_letter_target'],
  source,
  unit: 'info',
});

const timeout = metric({
  name: 'lambda_function_timeout_seconds',
  type: 'gauge',
  help: 'An invocation that takes longer is ended, and is an error.',
  labels,
  source: `${source}, Timeout`,
  unit: 'seconds',
});

const memory = metric({
  name: 'lambda_function_memory_bytes',
  type: 'gauge',
  help: 'Memory that the function may use.',
  labels,
  source: `${source}, MemorySize`,
  unit: 'bytes',
});

const code = metric({
  name: 'lambda_function_code_bytes',
  type: 'gauge',
  help: 'Bytes of the package of the function.',
  labels,
  source: `${source}, CodeSize`,
  unit: 'bytes',
});

const modified = metric({
  name: 'lambda_function_modified_timestamp_seconds',
  type: 'gauge',
  help: 'When code or settings of the function were changed last, in seconds since 1970.',
  labels,
  source: `${source}, LastModified`,
  unit: 'seconds',
});

const notWatched = metric({
  name: 'lambda_functions_not_watched',
  type: 'gauge',
  help: 'Functions that are chosen and left out because of functions.limit.',
  labels: [],
  source,
  unit: 'functions',
});

export const functions: LambdaCollector = {
  name: 'functions',
  about: 'What functions there are, and their settings.',
  scope: 'server',
  metrics: [exists, info, timeout, memory, code, modified, notWatched],
  enabledByDefault: true,
  collect: (from, context) =>
    samplesOf(from.functions, context, (found) => [
      ...[...found.described].flatMap(([name, one]) => functionSamples(name, one)),
      ...found.missing.map((name) => sample(exists, 0, { function: name })),
      sample(notWatched, found.notWatched, {}),
    ]),
};

function functionSamples(name: string, one: FunctionConfiguration): Sample[] {
  const changedMs = Date.parse(one.LastModified ?? '');
  const known = [
    [timeout, one.Timeout],
    [memory, one.MemorySize === undefined ? undefined : one.MemorySize * mebibyte],
    [code, one.CodeSize],
    [modified, Number.isNaN(changedMs) ? undefined : changedMs / 1_000],
  ] as const;
  return [
    sample(exists, 1, { function: name }),
    sample(info, 1, {
      function: name,
      arn: one.FunctionArn ?? '',
      runtime: one.Runtime ?? '',
      architecture: one.Architectures?.[0] ?? '',
      package_type: one.PackageType ?? '',
      dead_letter_target: one.DeadLetterConfig?.TargetArn ?? '',
    }),
    ...known.flatMap(([of, value]) => (value === undefined ? [] : [sample(of, value, { function: name })])),
  ];
}
