import { cloudwatchCollector } from '../cloudwatch/family.ts';
import { ownCalls } from '../cloudwatch/own-calls.ts';
import { sqsService } from './cloudwatch.ts';
import { deadLetters } from './dead-letters.ts';
import { messages } from './messages.ts';
import { queues } from './queues.ts';
import type { SqsCollector } from './source.ts';

/** The families of SQS: first those that cost next to nothing. */
export const sqsCollectors: readonly SqsCollector[] = [
  queues,
  messages,
  deadLetters,
  ...sqsService.groups.map((group) => cloudwatchCollector(sqsService, group)),
  ownCalls,
];
