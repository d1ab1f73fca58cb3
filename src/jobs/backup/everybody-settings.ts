import { quoteLiteral } from '../../targets/postgres/session.ts';
import { listSettings } from './database-properties.ts';

/** Settings of every role in every database (`ALTER ROLE ALL SET`), which pg_dumpall leaves out. */
const everybody = 'pg_catalog.pg_db_role_setting s WHERE s.setdatabase = 0 AND s.setrole = 0';

/** One row with all of them under the name of their fact; none where there is none. */
export const everybodyFact = `SELECT 'everybody settings' AS name, array_to_string(ARRAY(SELECT c FROM unnest(s.setconfig) AS c ORDER BY 1), ', ') AS value
  FROM ${everybody}`;

const name = "split_part(c, '=', 1)";
const value = "substr(c, strpos(c, '=') + 1)";
const lists = [...listSettings].map(quoteLiteral).join(', ');

/** For psql: prints the SQL that sets them. The catalog keeps lists as they are written, and everything else as one text. */
export const everybodySql = `SELECT '-- settings of every role in every database' UNION ALL
  SELECT pg_catalog.format('ALTER ROLE ALL SET %I TO %s;', ${name}, CASE WHEN lower(${name}) IN (${lists}) THEN ${value} ELSE quote_literal(${value}) END)
    FROM (SELECT unnest(s.setconfig) AS c FROM ${everybody}) AS x`;
