/** Names that have broken other tools: quotes, upper case, other scripts, 63 bytes, a newline, a backslash, a comma. */
export const oddNames: readonly string[] = [
  'it\'s "quoted"',
  'Upper Case',
  'таблица',
  'a'.repeat(63),
  'two\nlines',
  'back\\slash',
  'a,b={c}',
  'select',
];

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;

/**
 * One of everything that the families about tables meet: tables with long values and without an index, odd names, a
 * partition tree, a foreign table, a materialized view, a view, something of an extension. Counters are the same each time.
 */
export const shopTablesSql = `
CREATE TABLE customers (id serial PRIMARY KEY, name text, notes text);
ALTER TABLE customers ALTER notes SET STORAGE EXTERNAL;
CREATE TABLE orders (id bigserial PRIMARY KEY, customer int REFERENCES customers, state text);
CREATE INDEX orders_state ON orders (state);
CREATE TABLE plain (n int);
INSERT INTO customers (name, notes) SELECT 'c' || i, repeat('note', 1000) FROM generate_series(1, 50) AS i;
INSERT INTO orders (customer, state) SELECT 1 + i % 50, 'new' FROM generate_series(1, 1000) AS i;
INSERT INTO plain SELECT generate_series(1, 10);
DELETE FROM orders WHERE id > 900;
UPDATE plain SET n = n + 1;
CREATE MATERIALIZED VIEW totals AS SELECT customer, count(*) FROM orders GROUP BY customer;
CREATE VIEW names AS SELECT name FROM customers;

CREATE TABLE events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') PARTITION BY RANGE (at);
CREATE TABLE events_2024_a PARTITION OF events_2024 FOR VALUES FROM ('2024-01-01') TO ('2024-07-01');
CREATE TABLE events_2024_b PARTITION OF events_2024 FOR VALUES FROM ('2024-07-01') TO ('2025-01-01');
CREATE TABLE events_default PARTITION OF events DEFAULT;
INSERT INTO events SELECT date '2024-01-01' + i, 'x' FROM generate_series(0, 399) AS i;

CREATE FOREIGN DATA WRAPPER nowhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER nowhere;
CREATE FOREIGN TABLE remote (n int) SERVER elsewhere;

CREATE TABLE of_extension (id int);
CREATE INDEX of_extension_id ON of_extension (id);
ALTER EXTENSION plpgsql ADD TABLE of_extension;

CREATE SCHEMA "odd schema";
${oddNames.map((name) => `CREATE TABLE "odd schema".${quoted(name)} (${quoted(name)} int);`).join('\n')}
`;
