import { dirname, join, resolve } from 'node:path';
import { systemClock } from '../core/clock.ts';
import type { SecretSource } from '../core/secret.ts';
import { toAssertion } from '../jobs/assertions.ts';
import type { BackupSettings, SandboxSettings } from '../jobs/settings.ts';
import type { StoreSettings } from '../storage/settings.ts';
import type { AwsAccess } from '../targets/aws/settings.ts';
import type { FindService } from '../targets/libpq/parse-connection.ts';
import type { DatabaseSelection } from '../targets/postgres/databases.ts';
import { type AccessSurroundings, resolveAccess, resolveBackupAccess, secretAt } from './access.ts';
import { AwsSecrets } from './aws-secrets.ts';
import type { CustomQueries } from './custom-queries.ts';
import type {
  LoadedBackup,
  LoadedConfig,
  LoadedDynamodb,
  LoadedElasticache,
  LoadedLambda,
  LoadedPostgres,
  LoadedProof,
  LoadedRds,
  LoadedSandbox,
  LoadedSqs,
  LoadedStore,
  LoadedTarget,
} from './loaded.ts';
import { resolveRedis } from './redis-access.ts';
import type { Reference } from './references.ts';
import { backupSettingsOf, type Config, type TargetConfig } from './schema.ts';
import type { AwsTargetConfig } from './targets/aws.ts';
import type { DynamodbTargetConfig } from './targets/dynamodb.ts';
import type { ElasticacheTargetConfig } from './targets/elasticache.ts';
import type { LambdaTargetConfig } from './targets/lambda.ts';
import { withoutUnfounded } from './targets/needed-families.ts';
import type { PostgresTargetConfig } from './targets/postgres.ts';
import type { RdsTargetConfig } from './targets/rds.ts';
import type { SqsTargetConfig } from './targets/sqs.ts';

/** Where backups go when the file names no store. */
export const defaultStore = { name: 'local', folder: 'watchkeeper-backups' } as const;

const defaultSandbox: LoadedSandbox = { type: 'local', name: 'local', directory: undefined, user: 'postgres' };

/** Turns a checked configuration into what the program uses. `file` is absolute. */
export function resolveConfig(
  config: Config,
  file: string,
  given: {
    readonly references: ReadonlyMap<string, Reference>;
    readonly findService: FindService;
    readonly customQueries: Pick<CustomQueries, 'families'>;
  },
): LoadedConfig {
  const { region, endpoint, maxAge } = config.secrets.aws;
  const secrets = new AwsSecrets({ region, endpoint, maxAgeMs: maxAge, clock: systemClock });
  const around = { folder: dirname(file), secrets, ...given };
  const stores = resolveStores(config, around);
  const sandboxes = resolveSandboxes(config, around);
  return {
    file,
    listen: parseListen(config.listen),
    logLevel: config.log.level,
    scrape: { timeoutMs: config.scrape.timeout, concurrency: config.scrape.concurrency },
    cloudwatch: config.cloudwatch,
    programDirectories: config.programs.postgres.map((directory) => resolve(around.folder, directory)),
    jobs: config.jobs,
    identities: resolveIdentities(config, around),
    grafana: resolveGrafana(config, around),
    stores,
    sandboxes,
    targets: Object.entries(config.targets).map(([name, target]) =>
      resolveTarget(name, target, { ...around, stores, sandboxes, recipients: config.encryption.recipients }),
    ),
  };
}

function resolveIdentities({ encryption }: Config, around: AccessSurroundings): SecretSource[] {
  const written = encryption.identities ?? [];
  return written.flatMap((value, index) => secretAt(value, ['encryption', 'identities', index], around) ?? []);
}

function resolveGrafana({ annotations: { grafana } }: Config, around: AccessSurroundings): LoadedConfig['grafana'] {
  if (grafana === undefined) return undefined;
  const { caFile, token: written, ...rest } = grafana;
  const token = secretAt(written, ['annotations', 'grafana', 'token'], around);
  if (token === undefined) return undefined;
  return { ...rest, token, ...(caFile === undefined ? {} : { caFile: resolve(around.folder, caFile) }) };
}

function parseListen(listen: string): LoadedConfig['listen'] {
  const colon = listen.lastIndexOf(':');
  return { host: listen.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(listen.slice(colon + 1)) };
}

function resolveStores(config: Config, around: AccessSurroundings): LoadedStore[] {
  const stores = Object.entries(config.stores).map(([name, settings]) => resolveStore(name, settings, around));
  const needed = Object.values(config.targets).some((target) => Object.keys(backupSettingsOf(target)).length > 0);
  if (stores.length > 0 || !needed) return stores;
  const path = join(around.folder, defaultStore.folder);
  return [{ name: defaultStore.name, settings: { type: 'filesystem', path }, secretAccessKey: undefined }];
}

function resolveStore(name: string, settings: StoreSettings, around: AccessSurroundings): LoadedStore {
  if (settings.type === 'filesystem') {
    const { mountPoint: at, ...others } = settings;
    const path = resolve(around.folder, settings.path);
    const mountPoint = at === undefined ? {} : { mountPoint: resolve(around.folder, at) };
    return { name, settings: { ...others, path, ...mountPoint }, secretAccessKey: undefined };
  }
  const { secretAccessKey, caFile, spoolDirectory, ...rest } = settings;
  return {
    name,
    settings: {
      ...rest,
      ...(caFile === undefined ? {} : { caFile: resolve(around.folder, caFile) }),
      ...(spoolDirectory === undefined ? {} : { spoolDirectory: resolve(around.folder, spoolDirectory) }),
    },
    secretAccessKey: secretAt(secretAccessKey, ['stores', name, 'secretAccessKey'], around),
  };
}

function resolveSandboxes(config: Config, around: AccessSurroundings): LoadedSandbox[] {
  const named = Object.entries(config.sandboxes).map(([name, settings]) => resolveSandbox(name, settings, around));
  return named.some(({ name }) => name === defaultSandbox.name) ? named : [...named, defaultSandbox];
}

function resolveSandbox(name: string, settings: SandboxSettings, around: AccessSurroundings): LoadedSandbox {
  if (settings.type === 'server') {
    return { type: 'server', name, access: resolveAccess(settings, ['sandboxes', name], around) };
  }
  const directory = settings.directory === undefined ? undefined : resolve(around.folder, settings.directory);
  return { type: 'local', name, directory, user: settings.user };
}

type TargetSurroundings = AccessSurroundings &
  BackupSurroundings & { readonly customQueries: Pick<CustomQueries, 'families'> };

/** `recipients`: of the whole configuration. */
type BackupSurroundings = Pick<LoadedConfig, 'stores' | 'sandboxes'> &
  Pick<LoadedBackup, 'recipients'> &
  Pick<AccessSurroundings, 'folder'>;

function resolveTarget(name: string, target: TargetConfig, around: TargetSurroundings): LoadedTarget {
  switch (target.engine) {
    case 'postgres':
      return resolvePostgres(name, target, around);
    case 'pgbouncer': {
      const access = resolveAccess(target, ['targets', name], around);
      return { name, engine: target.engine, access, watch: target.watch, backups: [] };
    }
    case 'redis':
      return resolveRedis(name, target, around);
    case 'dynamodb':
      return resolveDynamodb(name, target);
    case 'rds':
      return resolveRds(name, target);
    case 'elasticache':
      return resolveElasticache(name, target);
    case 'sqs':
      return resolveSqs(name, target);
    case 'lambda':
      return resolveLambda(name, target);
  }
}

function resolveDynamodb(name: string, target: DynamodbTargetConfig): LoadedDynamodb {
  const { engine, tables, watch } = target;
  return { name, engine, access: resolveAws(target), tables, watch: withoutUnfounded(engine, watch), backups: [] };
}

function resolveRds(name: string, target: RdsTargetConfig): LoadedRds {
  const { engine, databases, watch } = target;
  return { name, engine, access: resolveAws(target), databases, watch: withoutUnfounded(engine, watch), backups: [] };
}

function resolveElasticache(name: string, target: ElasticacheTargetConfig): LoadedElasticache {
  const { engine, caches, watch } = target;
  return { name, engine, access: resolveAws(target), caches, watch: withoutUnfounded(engine, watch), backups: [] };
}

function resolveSqs(name: string, target: SqsTargetConfig): LoadedSqs {
  const { engine, queues, watch } = target;
  return { name, engine, access: resolveAws(target), queues, watch: withoutUnfounded(engine, watch), backups: [] };
}

function resolveLambda(name: string, target: LambdaTargetConfig): LoadedLambda {
  const { engine, functions, watch } = target;
  return { name, engine, access: resolveAws(target), functions, watch: withoutUnfounded(engine, watch), backups: [] };
}

function resolveAws(target: AwsTargetConfig): AwsAccess {
  const { region, profile, endpoint, cloudwatchEndpoint, watch } = target;
  return { region, profile, endpoint, cloudwatchEndpoint, timeoutMs: watch.timeout };
}

function resolvePostgres(name: string, target: PostgresTargetConfig, around: TargetSurroundings): LoadedPostgres {
  const access = resolveAccess(target, ['targets', name], around);
  const dataAccess = resolveBackupAccess(access, target, ['targets', name, 'backupLogin'], around);
  const backups = Object.entries(target.backups).map(([schedule, settings]) =>
    resolveBackup({ target: name, schedule, access: dataAccess }, settings, around),
  );
  const customFamilies = around.customQueries.families.get(name) ?? [];
  const { engine, watch, objectives } = target;
  return { name, engine, access, dataAccess, watch, customFamilies, objectives, backups };
}

function resolveBackup(
  base: Pick<LoadedBackup, 'target' | 'schedule' | 'access'>,
  settings: BackupSettings,
  around: BackupSurroundings,
): LoadedBackup {
  const isGlobal = settings.method === 'globals';
  const discover = isGlobal ? undefined : selectionOf(settings.databases);
  const own = isGlobal ? globalsName : base.access.connection.database;
  const named = Array.isArray(settings.databases) ? settings.databases : [own];
  const databases = discover === undefined ? named : [];
  const stores = settings.stores ?? [around.stores[0]?.name ?? defaultStore.name];
  const { target, schedule } = base;
  const lineages = databases.flatMap((database) => stores.map((store) => ({ store, target, schedule, database })));
  return {
    ...base,
    databases,
    discover,
    retired: [],
    stores,
    lineages,
    settings: withAbsoluteSpool(settings, around.folder),
    recipients: settings.encryption === false ? undefined : (settings.encryption?.recipients ?? around.recipients),
    proof: resolveProof(settings, around.sandboxes),
  };
}

function withAbsoluteSpool(settings: BackupSettings, folder: string): BackupSettings {
  const { spoolDirectory } = settings;
  return spoolDirectory === undefined ? settings : { ...settings, spoolDirectory: resolve(folder, spoolDirectory) };
}

/** What stands for the database in lineages of roles and tablespaces. */
const globalsName = 'globals';

function selectionOf(databases: BackupSettings['databases']): DatabaseSelection | undefined {
  if (databases === undefined || Array.isArray(databases)) return undefined;
  return databases === 'all' ? { include: ['*'], exclude: [] } : databases;
}

function resolveProof(settings: BackupSettings, sandboxes: readonly LoadedSandbox[]): LoadedProof | undefined {
  const { verify } = settings;
  if (verify === false) return undefined;
  const wanted = verify.sandbox ?? defaultSandbox.name;
  return {
    ...verify,
    sandbox: sandboxes.find(({ name }) => name === wanted) ?? defaultSandbox,
    assertions: verify.assertions.map(toAssertion),
  };
}
