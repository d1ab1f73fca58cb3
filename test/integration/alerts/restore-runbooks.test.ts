import { execFile } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { makeWorkDirectory, type WorkDirectory } from '../../../src/core/work-directory.ts';
import type { Cluster } from '../../../src/targets/postgres/cluster.ts';
import { runCommand, writeConfig } from '../../support/command-line.ts';
import { createDatabase, execute, startTestCluster, testInstallation } from '../../support/postgres.ts';

const root = join(import.meta.dirname, '../../..');
const run = promisify(execFile);

/** Each step is a process of its own, as somebody types it. */
vi.setConfig({ testTimeout: 240_000 });

let folder: WorkDirectory;
beforeAll(async () => {
  folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-runbook-' });
});
afterAll(async () => {
  await folder[Symbol.asyncDispose]();
});

/** A page's commands in its order, as they stand there. */
async function commandsOf(page: string): Promise<string[]> {
  const text = await readFile(join(root, 'docs/runbooks', page), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map(([, block = '']) => block);
}

/** Where somebody types the commands of a page: `watchkeeper` and PostgreSQL's programs are found, the configuration lies there. */
class Desk {
  readonly #folder: string;
  readonly #path: string;
  #exports = '';

  private constructor(path: string, search: string) {
    this.#folder = path;
    this.#path = search;
  }

  static async at(name: string): Promise<Desk> {
    const own = join(folder.path, name);
    await mkdir(join(own, 'bin'), { recursive: true });
    const program = join(own, 'bin/watchkeeper');
    await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${join(root, 'src/main.ts')}" "$@"\n`);
    await chmod(program, 0o755);
    const { directory } = await testInstallation();
    return new Desk(own, [join(own, 'bin'), directory, process.env['PATH']].join(':'));
  }

  async configure(server: Cluster): Promise<readonly string[]> {
    const { port } = server.access.connection;
    return writeConfig(
      this.#folder,
      `
stores: { local: { type: filesystem, path: ./store } }
targets:
  shop:
    engine: postgres
    url: postgres://postgres@127.0.0.1:${port}/payments_db?sslmode=disable
    backups: { nightly: { schedule: '0 2 * * *', databases: [payments_db], keep: { last: 5 } } }
`,
    );
  }

  /** Fills in what the page leaves to the reader: `export NAME=value` lines, of which the values are replaced. */
  fillIn(block: string, values: Readonly<Record<string, string>>): void {
    const names = [...block.matchAll(/^export (\w+)=/gm)].map(([, name = '']) => name);
    expect(names).toEqual(Object.keys(values));
    this.#exports += names.map((name) => `export ${name}='${values[name]}'\n`).join('');
  }

  /** Types a block; a command that fails ends it. */
  async type(block: string): Promise<string> {
    const { stdout } = await run('sh', ['-euc', this.#exports + block], {
      cwd: this.#folder,
      env: { PATH: this.#path, PGSSLMODE: 'disable' },
    });
    return stdout;
  }
}

const payments = `CREATE TABLE orders (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, amount numeric NOT NULL);
  INSERT INTO orders (amount) SELECT n FROM generate_series(1, 5000) n;
  CREATE INDEX ON orders (amount)`;

async function newestBackup(config: readonly string[]): Promise<string> {
  const { out } = await runCommand([...config, 'list', 'shop', '--json']);
  const [{ id, proven }] = JSON.parse(out);
  expect(proven).toBe(true);
  return id;
}

test('the runbook for a lost database, followed to the letter, brings it back on another server', async () => {
  const desk = await Desk.at('lost');
  const commands = await commandsOf('database-lost.md');
  await using replacement = await startTestCluster();
  const lost = await startTestCluster();
  await createDatabase(lost, 'payments_db', payments);
  const config = await desk.configure(lost);
  await runCommand([...config, 'backup', 'shop']);
  await runCommand([...config, 'verify', 'shop']);
  await lost[Symbol.asyncDispose]();

  const [whereTo = '', list = '', which = '', restore = '', look = '', keep = '', ...more] = commands;
  desk.fillIn(whereTo, {
    TARGET: 'shop',
    DATABASE: 'payments_db',
    SERVER: `postgres://postgres@127.0.0.1:${replacement.access.connection.port}`,
  });
  const listed = await desk.type(list);
  const backup = await newestBackup(config);
  desk.fillIn(which, { BACKUP: backup });
  await desk.type(restore);
  const looked = await desk.type(look);
  await desk.configure(replacement);
  const kept = await desk.type(keep);

  expect(more).toEqual([]);
  expect(listed).toContain(backup);
  expect(looked).toMatch(/orders +\| +5000/);
  expect(kept).toContain('is PROVEN');
  expect(await execute(replacement, 'payments_db', 'SELECT sum(amount) FROM orders')).toEqual([{ sum: '12502500' }]);
});

test.each([
  ['rows were deleted', 'DELETE FROM orders WHERE id > 10'],
  ['it was dropped', 'DROP TABLE orders'],
])('the runbook for a damaged table, followed to the letter, brings it back where %s', async (_, harm) => {
  const desk = await Desk.at(`table-${harm.slice(0, 4)}`);
  const commands = await commandsOf('table-damaged.md');
  await using server = await startTestCluster();
  await createDatabase(server, 'payments_db', payments);
  const config = await desk.configure(server);
  await runCommand([...config, 'backup', 'shop']);
  await runCommand([...config, 'verify', 'shop']);
  await execute(server, 'payments_db', harm);

  const [where = '', list = '', which = '', ...steps] = commands;
  desk.fillIn(where, {
    TARGET: 'shop',
    DATABASE: 'payments_db',
    TABLE: 'orders',
    SERVER: `postgres://postgres@127.0.0.1:${server.access.connection.port}`,
  });
  await desk.type(list);
  desk.fillIn(which, { BACKUP: await newestBackup(config) });
  for (const step of steps) await desk.type(step);

  expect(steps).toHaveLength(5);
  const database = (sql: string) => execute(server, 'payments_db', sql);
  expect(await database('SELECT sum(amount) FROM public.orders')).toEqual([{ sum: '12502500' }]);
  expect(await database('INSERT INTO orders (amount) VALUES (1) RETURNING id')).toEqual([{ id: '5001' }]);
  const copies = "SELECT count(*) FROM pg_database WHERE datname = 'payments_db_restored'";
  expect(await execute(server, 'postgres', copies)).toEqual([{ count: '0' }]);
});
