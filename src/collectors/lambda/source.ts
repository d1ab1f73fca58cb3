import type {
  EventSourceMappingConfiguration,
  FunctionConfiguration,
  GetAccountSettingsResponse,
} from '@aws-sdk/client-lambda';
import type { ByName } from '../cloudwatch/look-at-each.ts';
import type { Chosen } from '../cloudwatch/selection.ts';
import type { AwsSource } from '../cloudwatch/source.ts';
import type { Collector } from '../collector.ts';
import type { Refreshed } from '../refreshed.ts';
import type { LambdaWatchSettings } from './settings.ts';

export type Functions = Chosen<FunctionConfiguration>;

/** What the families of Lambda read from: nothing of it is asked during a scrape. */
export interface LambdaSource extends AwsSource {
  readonly functions: Refreshed<Functions>;
  readonly eventSources: Refreshed<readonly EventSourceMappingConfiguration[]>;
  readonly account: Refreshed<GetAccountSettingsResponse>;
  /** Invocations at the same time, of functions that have some for themselves. */
  readonly reserved: Refreshed<ByName<number>>;
  readonly settings: LambdaWatchSettings;
}

export type LambdaCollector = Collector<LambdaSource>;

/** Name of a function in an ARN: arn:aws:lambda:REGION:ACCOUNT:function:NAME, sometimes with a version or an alias. */
export function functionNameOf(arn: string | undefined): string {
  return arn?.split(':')[6] ?? '';
}
