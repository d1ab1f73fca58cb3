import { z } from 'zod';
import { isPartName } from './part-name.ts';
import { PieceHashes } from './pieces.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const bytes = z.int().nonnegative();
const instant = z.iso.datetime();

/** One measured truth about the source, e.g. `{ name: 'rows public.orders', value: '1520' }`. */
const factSchema = z.strictObject({
  name: z.string(),
  value: z.string(),
  /** `at_least`, of falling ones `at_most`: sequences live outside the snapshot and may have moved on before pg_dump read them. */
  compare: z.enum(['equal', 'at_least', 'at_most']),
  /** Compared only where the restore is on the same major version, or where owners and rights were restored too. */
  onlyIf: z.array(z.enum(['same_major', 'ownership'])).optional(),
});
export type Fact = z.infer<typeof factSchema>;

/**
 * A table of which only some rows are fingerprinted: those whose key's hash is a multiple of `oneIn`, so that a restore has
 * the same ones. Large objects stand here as `pg_catalog.pg_largeobject`.
 */
const sampledTableSchema = z.strictObject({
  schema: z.string(),
  name: z.string(),
  oneIn: z.int().min(2),
  key: z.array(z.string()).min(1),
});
export type SampledTable = z.infer<typeof sampledTableSchema>;

const pieceHashes = z.union([z.array(sha256), z.string()]).transform((written, context) => {
  const hashes = PieceHashes.parse(written);
  if (hashes === undefined) context.addIssue('neither a list of hashes nor all of them in base64');
  return hashes ?? z.NEVER;
});

const partSchema = z.strictObject({
  name: z.string().refine(isPartName, 'not the name of a part'),
  /** As stored, i.e. compressed. */
  sizeBytes: bytes,
  sha256,
  /** Hashes of consecutive pieces of the stored bytes, so that damage is told by its place. */
  chunkBytes: bytes,
  /** Absent: all pieces are of `chunkBytes`; see pieces.ts. */
  chunkGrowth: z.strictObject({ every: z.int().min(1), mostBytes: z.int().min(1) }).optional(),
  chunks: pieceHashes,
  compression: z.enum(['zstd']),
  /** After compression; absent: not encrypted. */
  encryption: z.enum(['age']).optional(),
  /** `tar`: the content is a folder, as pg_dump's directory format writes it; absent: one file. */
  archive: z.enum(['tar']).optional(),
  /** Of what pg_dump wrote, before compression. No hash: zstd keeps a checksum of it in its frame, and checks it. */
  content: z.object({ sizeBytes: bytes }),
});
export type Part = z.infer<typeof partSchema>;

export const sourceSchema = z.strictObject({
  engine: z.literal('postgres'),
  version: z.string(),
  versionNumber: z.int(),
  encoding: z.string(),
  collate: z.string(),
  ctype: z.string(),
  localeProvider: z.enum(['libc', 'icu', 'builtin']),
  /** Of the ICU or builtin provider. */
  locale: z.string().optional(),
  /** Alterations of the order that the ICU locale gives, by version 16 and newer. */
  icuRules: z.string().optional(),
  /** Names of all roles of the server: ownership and policies refer to them, and no dump holds them. */
  roles: z.array(z.string()),
  /** Of those, who may do everything, and who has the rights of whom: materialized views are computed by their owners. */
  superusers: z.array(z.string()).optional(),
  memberships: z.array(z.strictObject({ role: z.string(), member: z.string() })).optional(),
  /** The superuser that initdb made; with roles only. */
  bootstrapRole: z.string().optional(),
  extensions: z.array(z.strictObject({ name: z.string(), version: z.string(), schema: z.string().optional() })),
  databaseSizeBytes: bytes,
  /** Of the database itself; null for what every new one has. A role of null is everybody. */
  properties: z
    .strictObject({
      owner: z.string(),
      comment: z.string().nullable(),
      /** -1: none. */
      connectionLimit: z.int(),
      rights: z
        .array(z.strictObject({ grantee: z.string().nullable(), privilege: z.string(), grantable: z.boolean() }))
        .nullable(),
      settings: z.array(z.strictObject({ role: z.string().nullable(), name: z.string(), value: z.string() })),
    })
    .optional(),
  /** The schema `public`, where pg_dump (before version 15) leaves out its owner and the comment on it, or makes it anew because it was chosen. */
  publicSchema: z.strictObject({ owner: z.string(), comment: z.string().nullable() }).optional(),
});
export type BackupSource = z.infer<typeof sourceSchema>;

const relationNames = z.array(z.strictObject({ schema: z.string(), name: z.string() }));

/** What of the database was dumped, by exact names: patterns were resolved in the snapshot. */
export const selectionSchema = z.strictObject({
  /** `data`: the definitions stand in a part of their own, so that the data can be loaded and proven. */
  content: z.enum(['all', 'schema', 'data']),
  /** Only these schemas, or only these tables, views and sequences; absent: everything but what follows. */
  schemas: z.array(z.string()).optional(),
  tables: relationNames.optional(),
  withoutSchemas: z.array(z.string()).optional(),
  withoutTables: relationNames.optional(),
  /** Tables whose definition was dumped without their rows. */
  withoutData: relationNames.optional(),
  /** The dump has them, but what they refer to is not in it: they are not made, and not among the facts. */
  withoutForeignKeys: z.array(z.strictObject({ schema: z.string(), table: z.string(), name: z.string() })).optional(),
});
export type Selection = z.infer<typeof selectionSchema>;

export const factsSchema = z.strictObject({
  mode: z.enum(['rows', 'content']),
  /** Of what is told besides rows and sequences, see backup/facts-revision.ts; absent: before the first. */
  revision: z.int().min(1).optional(),
  /** Absent: every row of every table is fingerprinted. */
  sampled: z.array(sampledTableSchema).optional(),
  items: z.array(factSchema),
});

const manifestFields = z.strictObject({
  format: z.literal('watchkeeper-backup/1'),
  method: z.enum(['postgres-dump/1', 'postgres-globals/1']),
  id: z.string(),
  target: z.string(),
  schedule: z.string(),
  database: z.string(),
  startedAt: instant,
  /** The instant whose state the backup holds. */
  snapshotAt: instant,
  finishedAt: instant,
  source: sourceSchema,
  /** Absent: the whole database. */
  selection: selectionSchema.optional(),
  tools: z.record(z.string(), z.string()),
  /** Who can open the parts: recipients of age, any of them alone. Public keys, not secret. Absent: anybody. */
  encryption: z.strictObject({ recipients: z.array(z.string()).min(1) }).optional(),
  parts: z.array(partSchema).min(1),
  facts: factsSchema,
  /** Of an encrypted backup: `selection`, roles and facts, which are then not readable above; see encryption/manifest-details.ts. */
  details: z.string().optional(),
});

/**
 * Says what a backup consists of and what its source held. It is written last: a backup without one does not exist.
 * The format is documented in docs/backup-format.md; a new field is optional, a changed meaning is a new `format`.
 */
export const manifestSchema = manifestFields.refine(({ encryption, details, parts }) => {
  const isEncrypted = encryption !== undefined;
  return [details, ...parts.map((part) => part.encryption)].every((one) => (one !== undefined) === isEncrypted);
}, 'of an encrypted backup every part is encrypted and there are details; of another one, neither');
/** As it is stored. */
export type Manifest = z.infer<typeof manifestSchema>;

/** Bytes that a backup takes in its store, without manifest and reports. */
export function storedBytesOf({ parts }: { readonly parts: readonly Pick<Part, 'sizeBytes'>[] }): number {
  return parts.reduce((sum, part) => sum + part.sizeBytes, 0);
}

/** Bytes that were dumped, before compression: what it takes where it is fetched to. */
export function contentBytesOf({ parts }: { readonly parts: readonly Pick<Part, 'content'>[] }): number {
  return parts.reduce((sum, part) => sum + part.content.sizeBytes, 0);
}

/** With everything that was sealed, see `openManifest`: only such a one can be restored and compared. */
export type OpenedManifest = Omit<Manifest, 'details'> & { readonly details?: undefined };

/** Of pg_amcheck on the restored database. `not_run`: it could not be, and `notes` says why. */
export const structureResults = ['clean', 'damaged', 'not_run'] as const;

export const verdicts = ['proven', 'failed', 'inconclusive'] as const;
export type Verdict = (typeof verdicts)[number];

/** What showed that a backup is not good: its bytes; that it does not restore; a fact; or an assertion of the user. */
export const failureCauses = ['damaged', 'restore', 'different', 'asserted'] as const;
export type FailureCause = (typeof failureCauses)[number];

/** What keeps a backup from being tried, as a label: a small fixed set. docs/proofs.md says what to do about each. */
export const obstacles = [
  'identity',
  'disk',
  'memory',
  'time',
  'program',
  'version',
  'extension',
  'locale',
  'privilege',
  'place',
] as const;
export type Obstacle = (typeof obstacles)[number];

/**
 * One verification. `proven`: restored and equal, item by item. `failed`: the backup is not what the source held.
 * `inconclusive`: it could not be tried here, which says nothing about the backup.
 */
export const proofSchema = z.strictObject({
  format: z.literal('watchkeeper-proof/1'),
  backupId: z.string(),
  target: z.string(),
  schedule: z.string(),
  database: z.string(),
  verdict: z.enum(verdicts),
  /** Why not proven; absent when proven. */
  reason: z.string().optional(),
  /** Of a failed one. */
  cause: z.enum(failureCauses).optional(),
  /** Of an inconclusive one. */
  obstacle: z.enum(obstacles).optional(),
  /** Which try in a row it is that may come to a verdict, from 1. */
  attempt: z.int().min(1).optional(),
  startedAt: instant,
  finishedAt: instant,
  sandbox: z.string(),
  /** What the reader should know, such as a collation that this machine does not have. */
  notes: z.array(z.string()),
  /** `restore` is the time to a usable database from the store: the measured RTO. */
  seconds: z.strictObject({
    fetch: z.number().optional(),
    restore: z.number().optional(),
    compare: z.number().optional(),
    amcheck: z.number().optional(),
    total: z.number(),
  }),
  facts: z.strictObject({
    compared: z.int(),
    differing: z.array(z.strictObject({ name: z.string(), expected: z.string(), actual: z.string().nullable() })),
  }),
  assertions: z.array(z.strictObject({ name: z.string(), passed: z.boolean(), detail: z.string().optional() })),
  /** Absent: it was not wanted, or the proof did not come so far. */
  amcheck: z.enum(structureResults).optional(),
  /** Of the manifest as it was in the store; null when it could not be read. */
  manifestSha256: sha256.nullable().optional(),
  /** Its place among the reports of the target in this store; `previous` is the hash of the one before it, see proof-chain.ts. */
  chain: z.strictObject({ number: z.int().min(1), previous: sha256.nullable() }).optional(),
  /** Of an encrypted backup: what the fields above would quote; see encryption/proof-details.ts. */
  details: z.string().optional(),
});
export type Proof = z.infer<typeof proofSchema>;

/**
 * Sorts reports of one target in one store, the newest first: by their numbers, which no clock that was wrong can change. Those
 * from before there was a chain have none, and are older.
 */
export function newestReportFirst(a: Proof, b: Proof): number {
  const byNumber = (b.chain?.number ?? 0) - (a.chain?.number ?? 0);
  if (byNumber !== 0) return byNumber;
  return a.finishedAt < b.finishedAt ? 1 : -Number(a.finishedAt > b.finishedAt);
}

/** The measured RTO in seconds: fetching and restoring, without sandbox and comparison. */
export function restoreSecondsOf({ seconds }: Proof): number {
  return (seconds.fetch ?? 0) + (seconds.restore ?? 0);
}

/** Written first: tells whose unfinished attempt a folder without a manifest is. */
export const startMarkerSchema = z.strictObject({
  format: z.literal('watchkeeper-start/1'),
  backupId: z.string(),
  target: z.string(),
  schedule: z.string(),
  database: z.string(),
  startedAt: instant,
  host: z.string(),
});
export type StartMarker = z.infer<typeof startMarkerSchema>;
