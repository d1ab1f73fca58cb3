-- What the database of deploy/compose.yaml's profile "demo" begins with: passwords for the roles of deploy/sql/roles.sql,
-- and a shop. Run by psql, once, when the database is made.
-- pg_stat_statements would show the next two with the passwords in them.
SET pg_stat_statements.track_utility = off;
\set monitor `cat /run/secrets/watchkeeper_monitor`
\set backup `cat /run/secrets/watchkeeper_backup`
SELECT :'monitor' = '' OR :'backup' = '' AS lacking \gset
\if :lacking
  DO $$ BEGIN RAISE EXCEPTION 'the passwords in /run/secrets cannot be read'; END $$;
\endif
ALTER ROLE watchkeeper_monitor PASSWORD :'monitor';
ALTER ROLE watchkeeper_backup PASSWORD :'backup';

CREATE EXTENSION pg_stat_statements;

CREATE TABLE customers (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  joined date NOT NULL
);
CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id bigint NOT NULL REFERENCES customers,
  ordered_at timestamptz NOT NULL,
  amount numeric(10, 2) NOT NULL CHECK (amount > 0)
);
CREATE INDEX ON orders (customer_id);
INSERT INTO customers (name, joined)
  SELECT 'customer ' || n, date '2020-01-01' + n % 2000 FROM generate_series(1, 1000) AS n;
INSERT INTO orders (customer_id, ordered_at, amount)
  SELECT 1 + n % 1000, timestamptz '2024-01-01 00:00Z' + n * interval '11 minutes', 1 + n % 500
  FROM generate_series(1, 50000) AS n;
GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO watchkeeper_monitor;
ANALYZE;
