import type { PostgresSession } from '../../targets/postgres/session.ts';
import { columnSamples } from './columns.ts';
import { type PostgresCollector, readRows, requireVersion } from './source.ts';
import { columnsIn, metricsOf, selectList, type VersionedColumn } from './versioned-columns.ts';

const prefix = 'pg_stat_io';
const io = metricsOf({ prefix, name: 'pg_stat_io', labels: ['backend_type', 'object', 'context'] });
const perServer = metricsOf({ prefix, name: 'pg_stat_io', labels: [] });

function operations(column: string, help: string): VersionedColumn {
  return io(`${column}_total`, { column, unit: 'operations', help });
}

function seconds(name: string, what: string): VersionedColumn {
  // In 18 WAL is in this view too, and has a setting of its own.
  const setting = `CASE t.object WHEN 'wal' THEN 'track_wal_io_timing' ELSE 'track_io_timing' END`;
  return io(`${name}_seconds_total`, {
    column: `${name}_time`,
    factor: 0.001,
    unit: 'seconds',
    expression: `CASE WHEN current_setting(${setting})::bool THEN t.${name}_time END`,
    help: `Seconds spent on ${what}; absent while track_io_timing (for the object wal: track_wal_io_timing) is off.`,
  });
}

/** 18 counts bytes; 16 and 17 tell the size of an operation, which is the same for all of a row. */
function bytes(name: string, operation: string): VersionedColumn[] {
  const help = `Bytes ${operation}.`;
  const source = `pg_stat_io.${name}_bytes (before PostgreSQL 18: ${name}s * op_bytes)`;
  const column = `${name}_bytes`;
  const declared = io(`${column}_total`, { column, unit: 'bytes', source, help });
  return [
    { ...declared, since: 180_000 },
    { ...declared, before: 180_000, expression: `t.${name}s * t.op_bytes` },
  ];
}

const columns: readonly VersionedColumn[] = [
  operations('reads', 'Read operations.'),
  ...bytes('read', 'read'),
  seconds('read', 'reading'),
  operations('writes', 'Write operations.'),
  ...bytes('write', 'written'),
  seconds('write', 'writing'),
  operations('extends', 'Operations that made a relation longer.'),
  ...bytes('extend', 'by which relations were made longer'),
  seconds('extend', 'making relations longer'),
  operations('writebacks', 'Blocks that the operating system was asked to write out.'),
  seconds('writeback', 'asking the operating system to write out'),
  operations('hits', 'Blocks found in shared buffers.'),
  operations('evictions', 'Blocks written out or dropped to make room for another.'),
  operations('reuses', 'Times a buffer of a ring (of a bulk read, bulk write or vacuum) was used again.'),
  operations('fsyncs', 'Calls of fsync; those of sessions themselves are a sign that the checkpointer is overloaded.'),
  seconds('fsync', 'fsync'),
];

const resetAt = perServer('stats_reset_timestamp_seconds', {
  column: 'stats_reset',
  unit: 'seconds',
  expression: 'extract(epoch FROM t.stats_reset)',
  help: 'When these statistics were reset, in seconds since 1970.',
});

function ioSql(session: PostgresSession): string {
  const list = selectList([...columnsIn(session, columns), resetAt], 't');
  return `
SELECT t.backend_type, t.object, t.context, ${list}
  FROM pg_stat_io t
 WHERE greatest(t.reads, t.writes, t.extends, t.writebacks, t.hits, t.evictions, t.reuses, t.fsyncs) > 0`;
}

export const inputOutput: PostgresCollector = {
  name: 'io',
  about:
    'Reads, writes and fsyncs by kind of process, object and purpose: who causes the load of the disks. From PostgreSQL 16 on. Combinations that never happened are left out, which are most.',
  scope: 'server',
  metrics: [...new Set([...columns, resetAt].map(({ metric }) => metric))],
  enabledByDefault: true,
  async collect(source, context) {
    requireVersion(source, 16);
    const rows = await readRows(source, ioSql(source.session), context);
    const known = columnsIn(source.session, columns);
    return [...columnSamples(rows, known), ...columnSamples(rows.slice(0, 1), [resetAt])];
  },
};
