import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { Fact } from '../manifest.ts';
import { inExtensionConfiguration, notExtensionOwned, userSchema } from './definitions/kind.ts';
import { factLabel } from './fact-label.ts';
import { qualifiedName } from './postgres-facts.ts';
import type { Scope } from './selection.ts';

interface Sequence {
  readonly schema: string;
  readonly name: string;
  readonly isFalling: boolean;
  /** It begins anew when it is at its end: how far it is says nothing. */
  readonly isCycling: boolean;
  /** What it gave last; undefined where it gave nothing yet, or may not be read. */
  readonly last: string | undefined;
  readonly mayBeRead: boolean;
}

/**
 * Where the sequences stand. They are outside every snapshot, so this must be read before pg_dump reads them: then what
 * is restored is at least as far. One that was set before its first use (`setval(…, false)`) stands before what it will give.
 */
export async function sequenceFacts(
  session: PostgresSession,
  scope: Scope,
  options: { readonly signal: AbortSignal; readonly afterEach?: () => Promise<unknown> },
): Promise<Fact[]> {
  if (!scope.hasData) return [];
  const sequences = await listSequences(session, scope, options.signal);
  const unused = sequences.filter(({ last, mayBeRead }) => last === undefined && mayBeRead);
  const set = new Map<Sequence, string>();
  for (let first = 0; first < unused.length; first += readAtOnce) {
    const some = unused.slice(first, first + readAtOnce);
    for (const [sequence, last] of await readSet(session, some, options.signal)) set.set(sequence, last);
    await options.afterEach?.();
  }
  return sequences.map((sequence) => ({
    name: `sequence ${factLabel(sequence.schema, sequence.name)}`,
    value: positionOf(sequence, sequence.last ?? set.get(sequence)),
    compare: sequence.isFalling && !sequence.isCycling ? 'at_most' : 'at_least',
  }));
}

function positionOf({ isCycling }: Sequence, last: string | undefined): string {
  if (last === undefined) return 'unused';
  return isCycling ? 'used' : last;
}

/** A standby has nothing of what is unlogged. */
const isReadable = "(has_sequence_privilege(x.oid, 'SELECT') AND NOT (x.relpersistence = 'u' AND pg_is_in_recovery()))";

async function listSequences(session: PostgresSession, scope: Scope, signal: AbortSignal): Promise<Sequence[]> {
  const rows = await session.query(
    `SELECT n.nspname AS schema, x.relname AS name, s.seqincrement < 0 AS falling, s.seqcycle AS cycling,
            ${isReadable} AS readable, CASE WHEN ${isReadable} THEN pg_sequence_last_value(x.oid) END AS value
       FROM pg_sequence s JOIN pg_class x ON x.oid = s.seqrelid JOIN pg_namespace n ON n.oid = x.relnamespace
      WHERE x.relpersistence <> 't' AND ${userSchema('x.relnamespace')}
        AND (${notExtensionOwned('pg_class')} ${scope.isChosen ? '' : `OR ${inExtensionConfiguration}`})
      ORDER BY 1, 2`,
    { signal },
  );
  const all = rows.map((row) => ({
    schema: row['schema'] ?? '',
    name: row['name'] ?? '',
    isFalling: row['falling'] === 't',
    isCycling: row['cycling'] === 't',
    last: row['value'] ?? undefined,
    mayBeRead: row['readable'] === 't',
  }));
  return all.filter(({ schema, name }) => scope.has(schema, name));
}

/** Each read locks its sequence until the locks are given back. */
const readAtOnce = 100;

/** Those that were set to begin elsewhere than where they were made to, with what they would have given before. */
async function readSet(
  session: PostgresSession,
  sequences: readonly Sequence[],
  signal: AbortSignal,
): Promise<(readonly [Sequence, string])[]> {
  const each = sequences.map(
    (sequence, index) =>
      `SELECT ${index} AS place, q.tableoid AS oid, q.last_value, q.is_called FROM ${qualifiedName(sequence)} AS q`,
  );
  const rows = await session.query(
    `SELECT r.place, CASE WHEN r.is_called THEN r.last_value::numeric ELSE r.last_value::numeric - s.seqincrement END AS last
       FROM (${each.join(' UNION ALL ')}) AS r JOIN pg_sequence s ON s.seqrelid = r.oid
      WHERE r.is_called OR r.last_value <> s.seqstart`,
    { signal },
  );
  return rows.flatMap((row) => {
    const sequence = sequences[Number(row['place'])];
    return sequence === undefined ? [] : [[sequence, row['last'] ?? ''] as const];
  });
}
