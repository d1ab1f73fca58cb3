import { events, group, level } from '../cloudwatch/declare-metrics.ts';
import type { CloudwatchService } from '../cloudwatch/service.ts';

const ofFunctions = { of: ['function'], unit: 'invocations' };

const invocations = [
  events('Invocations', 'Times that the function ran, with or without success; throttled ones are not among them', {
    ...ofFunctions,
  }),
  events('Errors', 'Invocations that failed, by an error of the code, a timeout or too little memory', ofFunctions),
  events('Throttles', 'Invocations that were refused because no concurrency was left', ofFunctions),
];

const lost = [
  events('DeadLetterErrors', 'Events that could not be sent to the dead-letter queue of the function and are lost', {
    of: ['function'],
    unit: 'events',
  }),
  events('DestinationDeliveryFailures', 'Results that could not be sent to the destination of the function', {
    of: ['function'],
    unit: 'events',
  }),
  events('AsyncEventsDropped', 'Events that were given up without the function having succeeded', {
    of: ['function'],
    unit: 'events',
  }),
];

const durations = [
  level('Duration', 'Milliseconds that the function ran', {
    of: ['function'],
    unit: 'milliseconds',
    statistics: ['Average', 'Maximum', 'p95', 'p99'],
    periodSeconds: 60,
  }),
];

const concurrency = [
  level('ConcurrentExecutions', 'Invocations at the same time, of a function or of the whole account in the region', {
    of: ['function', 'account'],
    unit: 'invocations',
    statistics: ['Average', 'Maximum'],
    periodSeconds: 60,
  }),
  level(
    'UnreservedConcurrentExecutions',
    'Invocations at the same time of functions without concurrency of their own',
    {
      of: ['account'],
      unit: 'invocations',
      statistics: ['Average', 'Maximum'],
      periodSeconds: 60,
    },
  ),
];

const iterators = [
  level('IteratorAge', 'Milliseconds between a record coming into the stream and the function reading it', {
    of: ['consumer'],
    unit: 'milliseconds',
    statistics: ['Average', 'Maximum'],
    periodSeconds: 60,
  }),
];

const queued = [
  events('AsyncEventsReceived', 'Events that wait to be processed by the function', {
    of: ['function'],
    unit: 'events',
  }),
  level('AsyncEventAge', 'Milliseconds that such an event waited', {
    of: ['function'],
    unit: 'milliseconds',
    statistics: ['Average', 'Maximum'],
    periodSeconds: 60,
  }),
];

/** What is read of Lambda, the most important first. */
export const lambdaService: CloudwatchService = {
  namespace: 'AWS/Lambda',
  prefix: 'aws_lambda',
  kinds: {
    account: [],
    function: ['FunctionName'],
    /** A function that reads a stream. */
    consumer: ['FunctionName'],
  },
  groups: [
    group('invocations', 'Invocations, errors and throttles of functions.', invocations),
    group('iterator_age', 'How far functions are behind the streams that they read.', iterators),
    group('concurrency', 'Invocations at the same time.', concurrency),
    group('durations', 'How long functions run.', durations),
    group('lost_events', 'Events and results that are lost.', lost),
    group('async_events', 'Events that wait for functions.', queued, false),
  ],
};
