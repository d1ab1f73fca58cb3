import { matchesWildcard } from '../../core/wildcard.ts';

/** Which databases of a server are meant, as patterns: `*` is any text, `?` any character. */
export interface DatabaseSelection {
  readonly include: readonly string[];
  readonly exclude: readonly string[];
}

/** Of the providers, for themselves: whoever logs in there is refused, and leaves a line in the log each time. */
const providersOwn: readonly string[] = ['rdsadmin', 'cloudsqladmin', 'azure_maintenance', 'alloydbadmin'];

export function isSelected({ include, exclude }: DatabaseSelection, name: string): boolean {
  const fits = (pattern: string) => matchesWildcard(pattern, name);
  return include.some(fits) && !exclude.some(fits) && !providersOwn.includes(name);
}

/**
 * The databases of a server: `open` tells whether anybody may log in (those that an interrupted DROP DATABASE left have the
 * limit -2), `accessible` whether we may.
 */
export const databasesSql = `
SELECT datname, datallowconn AND datconnlimit <> -2 AS open,
       datallowconn AND datconnlimit <> -2 AND has_database_privilege(oid, 'CONNECT') AS accessible
  FROM pg_catalog.pg_database WHERE NOT datistemplate ORDER BY datname`;
