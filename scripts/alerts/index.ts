import { awsAlerts } from './aws.ts';
import { dynamodbAlerts } from './dynamodb.ts';
import { keepingAlerts } from './keeping.ts';
import { pgbouncerAlerts } from './pgbouncer.ts';
import { postgresAlerts } from './postgres.ts';
import { redisAlerts } from './redis.ts';
import { replicationAlerts } from './replication.ts';
import type { AlertGroup } from './rule.ts';
import { watchkeeperAlerts } from './watchkeeper.ts';

/** Every alert there is, in the order of the files. */
export const alertGroups: readonly AlertGroup[] = [
  keepingAlerts,
  postgresAlerts,
  replicationAlerts,
  pgbouncerAlerts,
  redisAlerts,
  dynamodbAlerts,
  awsAlerts,
  watchkeeperAlerts,
];
