import { z } from 'zod';
import { functionSelection, lambdaWatchSettings } from '../../collectors/lambda/settings.ts';
import { awsPlace } from './aws.ts';

export const lambdaTarget = z
  .strictObject({
    engine: z.literal('lambda'),
    ...awsPlace('the functions'),
    functions: functionSelection
      .prefault({})
      .describe('Which functions are watched: those with one of the names or prefixes; absent: all.'),
    watch: lambdaWatchSettings.prefault({}).describe('How the functions are watched.'),
  })
  .describe('The functions of Lambda of an AWS account in one region, through the API and CloudWatch.');

export type LambdaTargetConfig = z.infer<typeof lambdaTarget>;
