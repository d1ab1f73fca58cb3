import type { Selection } from '../collectors/cloudwatch/selection.ts';
import type { DynamodbWatchSettings } from '../collectors/dynamodb/settings.ts';
import type { WatchedElasticache } from '../collectors/elasticache/watch.ts';
import type { WatchedLambda } from '../collectors/lambda/watch.ts';
import type { PgbouncerWatchSettings } from '../collectors/pgbouncer/settings.ts';
import type { CustomFamily } from '../collectors/postgres/custom/family.ts';
import type { PostgresWatchSettings } from '../collectors/postgres/settings.ts';
import type { WatchedRds } from '../collectors/rds/watch.ts';
import type { RedisWatchSettings } from '../collectors/redis/settings.ts';
import type { WatchedSqs } from '../collectors/sqs/watch.ts';
import type { LogLevel } from '../core/log.ts';
import type { SecretSource } from '../core/secret.ts';
import type { GrafanaAccess } from '../jobs/annotations/grafana.ts';
import type { Assertion } from '../jobs/assertions.ts';
import type { Lineage } from '../jobs/lineage.ts';
import type { BackupSettings, JobLimits, Objectives, VerificationSettings } from '../jobs/settings.ts';
import type { StoreSettings } from '../storage/settings.ts';
import type { AwsAccess } from '../targets/aws/settings.ts';
import type { PostgresAccess } from '../targets/libpq/access.ts';
import type { DatabaseSelection } from '../targets/postgres/databases.ts';
import type { RedisAccess } from '../targets/redis/settings.ts';

/**
 * The configuration as the program uses it: checked, defaults filled in, names resolved, paths absolute, secrets behind
 * {@link SecretSource}. Only `loadConfig` makes one.
 */
export interface LoadedConfig {
  /** Absolute path of the file. */
  readonly file: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly logLevel: LogLevel;
  readonly scrape: { readonly timeoutMs: number; readonly concurrency: number };
  /** US dollars that CloudWatch may cost in 31 days, of all targets together. */
  readonly cloudwatch: { readonly monthlyLimit: number };
  /** Folders with PostgreSQL programs, looked into first. */
  readonly programDirectories: readonly string[];
  readonly jobs: JobLimits;
  /** Where the identities come from that open encrypted backups. */
  readonly identities: readonly SecretSource[];
  /** Every store, used or not, and the default one where backups name none. */
  readonly stores: readonly LoadedStore[];
  /** Every sandbox that is configured, and the default one. */
  readonly sandboxes: readonly LoadedSandbox[];
  readonly targets: readonly LoadedTarget[];
  /** Where runs are written as annotations; undefined: nowhere. */
  readonly grafana?: GrafanaAccess | undefined;
}

export interface LoadedStore {
  readonly name: string;
  /** Without `secretAccessKey`; a filesystem store's path is absolute. */
  readonly settings: StoreSettings;
  readonly secretAccessKey: SecretSource | undefined;
}

export type LoadedSandbox =
  | {
      readonly type: 'local';
      readonly name: string;
      /** Where its files are; undefined for the system's temporary folder. */
      readonly directory: string | undefined;
      /** Who runs it when we are root. */
      readonly user: string;
    }
  | { readonly type: 'server'; readonly name: string; readonly access: PostgresAccess };

/** A target, told apart by `engine`. */
export type LoadedTarget =
  | LoadedPostgres
  | LoadedPgbouncer
  | LoadedRedis
  | LoadedDynamodb
  | LoadedRds
  | LoadedElasticache
  | LoadedSqs
  | LoadedLambda;

export function isPostgres(target: LoadedTarget): target is LoadedPostgres {
  return target.engine === 'postgres';
}

/** What there is of every target. */
interface LoadedAny {
  readonly name: string;
  /** Empty for a target that is only watched. */
  readonly backups: readonly LoadedBackup[];
}

export interface LoadedPostgres extends LoadedAny {
  readonly engine: 'postgres';
  readonly access: PostgresAccess;
  /** As whom data is read: `backupLogin`, or the same role. */
  readonly dataAccess: PostgresAccess;
  readonly watch: PostgresWatchSettings;
  readonly customFamilies: readonly CustomFamily[];
  /** What is promised of each of its databases. */
  readonly objectives?: Objectives | undefined;
}

export interface LoadedPgbouncer extends LoadedAny {
  readonly engine: 'pgbouncer';
  readonly access: PostgresAccess;
  readonly watch: PgbouncerWatchSettings;
}

export interface LoadedRedis extends LoadedAny {
  readonly engine: 'redis';
  readonly access: RedisAccess;
  readonly watch: RedisWatchSettings;
}

export interface LoadedRds extends LoadedAny, WatchedRds {
  readonly name: string;
}

export interface LoadedElasticache extends LoadedAny, WatchedElasticache {
  readonly name: string;
}

export interface LoadedSqs extends LoadedAny, WatchedSqs {
  readonly name: string;
}

export interface LoadedLambda extends LoadedAny, WatchedLambda {
  readonly name: string;
}

export interface LoadedDynamodb extends LoadedAny {
  readonly engine: 'dynamodb';
  readonly access: AwsAccess;
  readonly tables: Selection;
  readonly watch: DynamodbWatchSettings;
}

/** One schedule of one target. */
export interface LoadedBackup {
  readonly target: string;
  readonly schedule: string;
  /** As whom the data is read: `backupLogin`, or the target's own role. Its database is the target's. */
  readonly access: PostgresAccess;
  /** With `discover`: those that the server had when it was last asked. */
  readonly databases: readonly string[];
  /** Which databases of the server are meant; undefined when they are named. */
  readonly discover: DatabaseSelection | undefined;
  /** Of databases that are gone, or no longer meant: their backups stay under retention. */
  readonly retired: readonly Lineage[];
  /** At least one. */
  readonly stores: readonly string[];
  /** One for each database and store: of the first database in each store, of the second, … */
  readonly lineages: readonly Lineage[];
  /** Cron expressions, zone, method, facts, retention, limits. */
  readonly settings: BackupSettings;
  /** To whom the backups are encrypted; undefined: to nobody. */
  readonly recipients: readonly string[] | undefined;
  /** Undefined when proofs are switched off. */
  readonly proof: LoadedProof | undefined;
}

/** As the schedule's `verify` says; its cron expression is in the schedule's zone. */
export interface LoadedProof extends Readonly<Omit<VerificationSettings, 'sandbox' | 'assertions'>> {
  readonly sandbox: LoadedSandbox;
  readonly assertions: readonly Assertion[];
}
