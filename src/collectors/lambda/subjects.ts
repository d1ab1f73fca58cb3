import type { EventSourceMappingConfiguration } from '@aws-sdk/client-lambda';
import type { Subject } from '../cloudwatch/service.ts';
import { type Functions, functionNameOf } from './source.ts';

/** What is about the account in the region. */
export const account: Subject = { kind: 'account', name: 'global', values: [] };

/** Everything that has metrics: the account, functions, and again those that read a stream. */
export function subjectsOf(
  { described }: Functions,
  eventSources: readonly EventSourceMappingConfiguration[],
): Subject[] {
  const consumers = new Set(eventSources.filter(isStream).map(({ FunctionArn }) => functionNameOf(FunctionArn)));
  return [
    account,
    ...[...described].flatMap(([name, { FunctionArn = '' }]) =>
      ['function', ...(consumers.has(name) ? ['consumer'] : [])].map((kind) => ({
        kind,
        name: FunctionArn,
        values: [name],
      })),
    ),
  ];
}

/** Kinesis, or the stream of a table: arn:aws:kinesis:…, arn:aws:dynamodb:…/stream/…. */
function isStream({ EventSourceArn = '' }: EventSourceMappingConfiguration): boolean {
  return /^arn:[^:]+:(kinesis|dynamodb):/.test(EventSourceArn);
}
