import { Readable } from 'node:stream';
import type { BackupMethod } from '../../src/jobs/backup/method.ts';
import { postgresDump } from '../../src/jobs/backup/postgres-dump.ts';
import { backupKey, manifestName } from '../../src/jobs/backup-keys.ts';
import { closeManifest } from '../../src/jobs/encryption/manifest-details.ts';
import type { Lineage } from '../../src/jobs/lineage.ts';
import type { Manifest, OpenedManifest, Proof } from '../../src/jobs/manifest.ts';
import type { ManifestSummary } from '../../src/jobs/manifest-summary.ts';
import { localSandbox } from '../../src/jobs/sandbox/local-postgres.ts';
import type { OpenSandbox } from '../../src/jobs/sandbox/sandbox.ts';
import { sealedJson } from '../../src/jobs/sealed-json.ts';
import { takeBackup } from '../../src/jobs/take-backup.ts';
import { type VerifyRequest, verifyBackup } from '../../src/jobs/verify-backup.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';
import type { PostgresAccess } from '../../src/targets/libpq/access.ts';
import { testInstallations } from './postgres.ts';
import { testContext } from './test-context.ts';

export const zstdProgram = '/usr/bin/zstd';

/** Of a machine that has all programs, and a configuration without identities. */
export const openingTools = { zstdProgram, ageProgram: '/usr/bin/age', identities: [] } as const;

export async function dumpMethod(given: Partial<Parameters<typeof postgresDump>[0]> = {}): Promise<BackupMethod> {
  return postgresDump({
    installations: await testInstallations(),
    ...openingTools,
    facts: 'content',
    lockTimeoutMs: 2_000,
    compressionLevel: 3,
    ...given,
  });
}

export async function throwAwaySandbox(): Promise<OpenSandbox> {
  return localSandbox({ installations: await testInstallations(), user: 'postgres' });
}

export function lineageOf(access: PostgresAccess): Lineage {
  return { store: 'test', target: 'shop', schedule: 'nightly', database: access.connection.database };
}

/** Takes a backup of a database with everything at its default. */
export async function backUp(
  access: PostgresAccess,
  store: ObjectStore,
  method?: BackupMethod,
): Promise<OpenedManifest> {
  const request = { lineage: lineageOf(access), access, method: method ?? (await dumpMethod()), store };
  return takeBackup(request, testContext());
}

/** Verifies a backup in a throw-away server, with everything else as given. A whole manifest stands for the one in the store. */
export async function verify(
  manifest: Manifest | ManifestSummary,
  store: ObjectStore,
  given: Partial<VerifyRequest> = {},
): Promise<Proof> {
  const method = given.method ?? (await dumpMethod());
  const openSandbox = given.openSandbox ?? (await throwAwaySandbox());
  return verifyBackup(
    {
      ...{ assertions: [], ...openingTools, ...given, manifest, method, openSandbox },
      store: 'format' in manifest ? withManifest(store, manifest) : store,
    },
    testContext(),
  );
}

/** The store, with this manifest in the place of its own. */
export function withManifest(store: ObjectStore, manifest: Manifest): Pick<ObjectStore, 'get'> {
  const key = backupKey(manifest.target, manifest.id, manifestName);
  return {
    async get(wanted, signal, range) {
      if (wanted !== key) return await store.get(wanted, signal, range);
      const isSealed = manifest.details !== undefined;
      return Readable.from([
        sealedJson(isSealed ? manifest : await closeManifest({ ...manifest, details: undefined })),
      ]);
    },
  };
}
