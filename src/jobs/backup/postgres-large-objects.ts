import type { PostgresSession } from '../../targets/postgres/session.ts';
import type { Fact, SampledTable } from '../manifest.ts';

const pieceBytes = 65_536;
/** `INV_READ` of the server's libpq/libpq-fs.h. */
const openForReading = 0x40000;

/**
 * A fingerprint of the contents of all large objects, or of a sample of them. It is read as the owner of them may: the
 * catalog of their data is for superusers, and cut where they were written, which is not the same after a restore.
 */
export async function largeObjectFacts(
  session: PostgresSession,
  sample: SampledTable | undefined,
  signal: AbortSignal,
): Promise<Fact[]> {
  const chosen =
    sample === undefined ? 'true' : `(hashtextextended(m.oid::text, 0) & 9223372036854775807) % ${sample.oneIn} = 0`;
  const [row] = await session.query(
    `SELECT coalesce(sum(hashtextextended(format('%s %s %s', o.oid, p.n, encode(lo_get(o.oid, p.n * ${pieceBytes}::bigint, ${pieceBytes}), 'hex')), 0)), 0) AS content
       FROM (SELECT m.oid, s.size, s.closed
               FROM pg_largeobject_metadata m
              CROSS JOIN LATERAL (SELECT t.size, lo_close(t.fd) AS closed
                      FROM (SELECT f.fd, lo_lseek64(f.fd, 0, 2) AS size FROM (SELECT lo_open(m.oid, ${openForReading}) AS fd OFFSET 0) AS f OFFSET 0) AS t
                    OFFSET 0) AS s
              WHERE ${chosen}) AS o
      CROSS JOIN LATERAL generate_series(0, greatest(o.size - 1, 0) / ${pieceBytes}) AS p(n)
      WHERE o.closed = 0`,
    { signal },
  );
  return [{ name: 'content large objects', value: row?.['content'] ?? '', compare: 'equal' }];
}
