/** What a column of a result holds, as far as it matters here. `other` has no name for us: its text decides. */
export type Holding = 'number' | 'boolean' | 'instant' | 'interval' | 'text' | 'array' | 'other';

/** PostgreSQL's types by what pg_type.oid is in every version. Domains are told as what they are made of. */
const types: ReadonlyMap<number, readonly [Holding, string]> = new Map([
  [16, ['boolean', 'boolean']],
  [17, ['text', 'bytea']],
  [18, ['text', 'char']],
  [19, ['text', 'name']],
  [20, ['number', 'bigint']],
  [21, ['number', 'smallint']],
  [23, ['number', 'integer']],
  [25, ['text', 'text']],
  [26, ['number', 'oid']],
  [28, ['number', 'xid']],
  [114, ['text', 'json']],
  [650, ['text', 'cidr']],
  [700, ['number', 'real']],
  [701, ['number', 'double precision']],
  [790, ['text', 'money']],
  [869, ['text', 'inet']],
  [1000, ['array', 'boolean[]']],
  [1005, ['array', 'smallint[]']],
  [1007, ['array', 'integer[]']],
  [1009, ['array', 'text[]']],
  [1016, ['array', 'bigint[]']],
  [1021, ['array', 'real[]']],
  [1022, ['array', 'double precision[]']],
  [1042, ['text', 'character']],
  [1043, ['text', 'character varying']],
  [1082, ['instant', 'date']],
  [1083, ['text', 'time']],
  [1114, ['instant', 'timestamp']],
  [1184, ['instant', 'timestamp with time zone']],
  [1186, ['interval', 'interval']],
  [1231, ['array', 'numeric[]']],
  [1266, ['text', 'time with time zone']],
  [1700, ['number', 'numeric']],
  [2950, ['text', 'uuid']],
  [3220, ['text', 'pg_lsn']],
  [3802, ['text', 'jsonb']],
]);

export function holdingOf(typeId: number): Holding {
  return types.get(typeId)?.[0] ?? 'other';
}

/** As SQL calls it. */
export function typeName(typeId: number): string {
  return types.get(typeId)?.[1] ?? `of type ${typeId}`;
}
