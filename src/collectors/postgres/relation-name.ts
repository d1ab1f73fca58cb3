/**
 * SQL for the name of a relation of any database, and the joins that it needs: as people write it in the database of the
 * session (with the schema unless that is `public`), elsewhere its number, because names are known to their database alone.
 */
export function relationName(datname: string, relid: string): { readonly name: string; readonly joins: string } {
  return {
    name: `CASE WHEN c.oid IS NULL THEN (${relid})::text
                WHEN n.nspname = 'public' THEN c.relname
                ELSE n.nspname || '.' || c.relname END`,
    joins: `LEFT JOIN pg_class c ON ${datname} = current_database() AND c.oid = ${relid}
  LEFT JOIN pg_namespace n ON n.oid = c.relnamespace`,
  };
}
