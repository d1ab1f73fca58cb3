-- Roles for Watchkeeper. Run once per server, as a superuser (on RDS and other managed services: as the master user):
--
--   psql -X -v ON_ERROR_STOP=1 -f roles.sql
--
-- It may be run again at any time. It sets no passwords; afterwards, in psql, which sends them hashed:
--
--   \password watchkeeper_monitor
--   \password watchkeeper_backup
--
--   watchkeeper_monitor  watches: reads statistics, never data.
--   watchkeeper_backup   backs up: reads all data, changes nothing.
--
-- One role is enough where that is preferred: grant pg_read_all_data to watchkeeper_monitor and leave "backupLogin" out.

DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'watchkeeper_monitor') THEN
    CREATE ROLE watchkeeper_monitor;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'watchkeeper_backup') THEN
    CREATE ROLE watchkeeper_backup;
  END IF;
END
$$;

-- Watching holds "watch.connections" (2) open, tries a new login now and then, and looks into other databases with
-- "watch.databaseConnections" (2): 5 is enough, and keeps a mistake of ours from using up the server's connections.
ALTER ROLE watchkeeper_monitor LOGIN NOCREATEDB NOCREATEROLE INHERIT CONNECTION LIMIT 5;
-- A backup holds two connections: pg_dump and the one that keeps its snapshot and measures the facts. Two at once, and
-- one for "watchkeeper check".
ALTER ROLE watchkeeper_backup LOGIN NOCREATEDB NOCREATEROLE INHERIT CONNECTION LIMIT 5;

-- Whoever uses these roles by mistake or by malice changes nothing without saying so.
ALTER ROLE watchkeeper_monitor SET default_transaction_read_only = on;
ALTER ROLE watchkeeper_backup SET default_transaction_read_only = on;
-- A dump takes as long as it takes, whatever the server's default says.
ALTER ROLE watchkeeper_backup SET statement_timeout = 0;
ALTER ROLE watchkeeper_backup SET idle_in_transaction_session_timeout = 0;

GRANT pg_monitor TO watchkeeper_monitor;

-- PostgreSQL 14 and later. On 12 and 13, where that role does not exist, this is needed in every database instead, for
-- every schema, by the owner of its tables:
--
--   GRANT USAGE ON SCHEMA public TO watchkeeper_backup;
--   GRANT SELECT ON ALL TABLES IN SCHEMA public TO watchkeeper_backup;
--   GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO watchkeeper_backup;
--   ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO watchkeeper_backup;
--   ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO watchkeeper_backup;
DO $$
BEGIN
  IF current_setting('server_version_num')::int >= 140000 THEN
    GRANT pg_read_all_data TO watchkeeper_backup;
  ELSE
    RAISE WARNING 'PostgreSQL 12 and 13 have no pg_read_all_data: see the GRANT statements in this file';
  END IF;
END
$$;

-- CONNECT: everybody has it by default, but it is often taken from PUBLIC.
DO $$
DECLARE
  database name;
BEGIN
  FOR database IN
    SELECT datname FROM pg_catalog.pg_database WHERE datallowconn AND NOT datistemplate AND datname <> 'rdsadmin'
  LOOP
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO watchkeeper_monitor, watchkeeper_backup', database);
  END LOOP;
END
$$;

-- Not covered by pg_read_all_data, and told by "watchkeeper check" where it matters:
--   row security   ALTER ROLE watchkeeper_backup BYPASSRLS;   (a superuser only)
--   large objects  GRANT SELECT ON LARGE OBJECT … TO watchkeeper_backup;   (each)
--
-- Not covered by pg_monitor; in each database where the figures are wanted:
--   how near sequences are to their end (the family "sequences"), for every schema, by the owner of its sequences:
--     GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO watchkeeper_monitor;
--     ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON SEQUENCES TO watchkeeper_monitor;
--   the bloat estimate (the family "bloat", off by default), by a superuser; widths and NULLs of columns, no data:
--     GRANT SELECT (starelid, staattnum, stainherit, stanullfrac, stawidth)
--       ON pg_catalog.pg_statistic TO watchkeeper_monitor;
--
-- For statistics about statements, in the database of the target's URL, with pg_stat_statements in
-- shared_preload_libraries:
--   CREATE EXTENSION IF NOT EXISTS pg_stat_statements;
--
-- For the errors in configuration files (family "configuration"), in the database of the target's URL; a superuser only,
-- not to be had on managed services:
--   GRANT SELECT ON pg_file_settings, pg_hba_file_rules TO watchkeeper_monitor;
--   GRANT EXECUTE ON FUNCTION pg_show_all_file_settings(), pg_hba_file_rules() TO watchkeeper_monitor;
