import type { EventSourceMappingConfiguration } from '@aws-sdk/client-lambda';
import { metric, type Sample, sample } from '../../core/metric.ts';
import { samplesOf } from '../cloudwatch/source.ts';
import { CollectedInPart } from '../collector.ts';
import { type Functions, functionNameOf, type LambdaCollector } from './source.ts';

const labels = ['function', 'event_source', 'uuid'] as const;

const enabled = metric({
  name: 'lambda_event_source_enabled',
  type: 'gauge',
  help: 'Whether the function is fed from the queue, stream or topic; 0 also while that is being switched off or on.',
  labels,
  source: 'ListEventSourceMappings, State',
  unit: 'boolean',
});

const batch = metric({
  name: 'lambda_event_source_batch_size',
  type: 'gauge',
  help: 'Most records that the function gets at once.',
  labels,
  source: 'ListEventSourceMappings, BatchSize',
  unit: 'records',
});

export const eventSources: LambdaCollector = {
  name: 'event_sources',
  about: 'What feeds functions: queues, streams, topics of Kafka.',
  scope: 'server',
  metrics: [enabled, batch],
  enabledByDefault: true,
  async collect(from, context) {
    const { value: functions, failure } = await from.functions.read(context.signal);
    const samples = await samplesOf(from.eventSources, context, (found) =>
      found.flatMap((one) => mappingSamples(functions, one)),
    );
    if (failure !== undefined) throw new CollectedInPart(samples, failure);
    return samples;
  },
};

function mappingSamples({ described }: Functions, one: EventSourceMappingConfiguration): Sample[] {
  const name = functionNameOf(one.FunctionArn);
  if (!described.has(name)) return [];
  const mapping = { function: name, event_source: one.EventSourceArn ?? '', uuid: one.UUID ?? '' };
  return [
    sample(enabled, one.State === 'Enabled' ? 1 : 0, mapping),
    ...(one.BatchSize === undefined ? [] : [sample(batch, one.BatchSize, mapping)]),
  ];
}
