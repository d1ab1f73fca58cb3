import { errorCode, errorMessage } from '../../core/errors.ts';
import type { PostgresAccess } from '../../targets/libpq/access.ts';
import { openSession, type PostgresSession, quoteIdentifier, quoteLiteral } from '../../targets/postgres/session.ts';
import type { OpenedManifest, Selection } from '../manifest.ts';

type PublicSchema = NonNullable<OpenedManifest['source']['publicSchema']>;

/** The first major version whose pg_dump holds the owner of the schema `public` and what is said about it. */
const dumpedSinceMajor = 15;

/** Whether `public` was chosen by name: then the dump makes it anew, though every database has it, so that entry is left out. */
export function isPublicNamed(selection: Selection | undefined): boolean {
  return selection?.schemas?.includes('public') === true;
}

/** Who owns the schema `public` and what is said about it; undefined when a restore has that of the dump, or there is no such schema. */
export async function readPublicSchema(
  session: PostgresSession,
  by: { readonly pgDumpMajor: number; readonly selection: Selection | undefined },
  signal: AbortSignal,
): Promise<PublicSchema | undefined> {
  const isRestored = by.pgDumpMajor >= dumpedSinceMajor && !isPublicNamed(by.selection);
  return isRestored ? undefined : describePublic(session, signal);
}

async function describePublic(session: PostgresSession, signal: AbortSignal): Promise<PublicSchema | undefined> {
  const [row] = await session.query(
    `SELECT pg_get_userbyid(nspowner) AS owner, obj_description(oid, 'pg_namespace') AS comment
       FROM pg_namespace WHERE nspname = 'public'`,
    { signal },
  );
  return row === undefined ? undefined : { owner: row['owner'] ?? '', comment: row['comment'] ?? null };
}

/** Makes the schema `public` what it was in the source, before rights are granted on it. */
export async function restorePublicSchema(
  into: PostgresAccess,
  { source }: OpenedManifest,
  options: {
    readonly ownership: 'restore' | 'ignore';
    /** Is told what a role that owns nothing here may not say; without it that is an error, since a proof compares it. */
    readonly onNote?: ((note: string) => void) | undefined;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  if (source.publicSchema === undefined) return;
  const { owner, comment } = source.publicSchema;
  const { signal } = options;
  await using session = await openSession(into, { signal });
  const now = await describePublic(session, signal);
  if (now === undefined) return;
  if (options.ownership === 'restore' && now.owner !== owner) {
    await session.query(`ALTER SCHEMA public OWNER TO ${quoteIdentifier(owner)}`, { signal });
  }
  if (now.comment === comment) return;
  const said = session.query(`COMMENT ON SCHEMA public IS ${comment === null ? 'NULL' : quoteLiteral(comment)}`, {
    signal,
  });
  await said.catch((error: unknown) => {
    const { onNote } = options;
    if (onNote === undefined || errorCode(error) !== '42501') throw error;
    onNote(`the comment on the schema public was not restored: ${errorMessage(error)}`);
  });
}
