import { type Client, Query, type QueryConfig } from 'pg';
import { abortable } from '../../core/deadline.ts';
import { destroyClient, serverCertificateExpiry } from './client.ts';

/** A row as PostgreSQL's text protocol gives it: every value is text or null, and the reader converts knowingly. */
export type Row = Readonly<Record<string, string | null>>;

/** What a statement gives whose columns are not known beforehand. */
export interface Table {
  /** In the order of the statement; names may repeat. */
  readonly columns: readonly { readonly name: string; readonly typeId: number }[];
  /** The first ones, as text or null. */
  readonly rows: readonly (readonly (string | null)[])[];
  /** Further rows: counted, not kept. */
  readonly dropped: number;
}

export interface TableLimits {
  readonly rows: number;
  /** Characters of all values together; beyond them the statement fails. */
  readonly characters: number;
}

/** A client that is logged in. Not for concurrent use: one query at a time. */
export class ClientSession implements AsyncDisposable {
  /** When the certificate expires that the server showed; undefined without TLS. */
  readonly serverCertificateExpiresAt: Date | undefined;
  readonly #client: Client;
  #usable = true;

  constructor(client: Client) {
    this.#client = client;
    this.serverCertificateExpiresAt = serverCertificateExpiry(client);
    client.on('error', () => {
      this.#usable = false;
    });
    client.on('end', () => {
      this.#usable = false;
    });
  }

  /** The process that serves us, as the server told at login: a connection pooler tells a number of its own. */
  get announcedPid(): number | null {
    const { processID } = this.#client as unknown as { readonly processID: number | null };
    return processID;
  }

  /** False once the connection broke or was destroyed. */
  get usable(): boolean {
    return this.#usable;
  }

  /**
   * Runs one statement: by the simple query protocol without `values`, by the extended one with them
   * (also with none), which takes no second statement. Aborting destroys
   * the connection. The error's `code` is the SQLSTATE.
   */
  async query(
    sql: string,
    options: { readonly signal: AbortSignal; readonly values?: readonly string[] },
  ): Promise<Row[]> {
    const { signal, values } = options;
    const question = values === undefined ? { text: sql } : { text: sql, values: [...values], queryMode: 'extended' };
    return this.#orDestroyed(signal, async () => (await this.#client.query<Row>(question)).rows);
  }

  /**
   * Runs one statement as {@link query} does, in constant memory however much it gives. What `onRow` throws is thrown
   * when all rows went by.
   */
  async forEachRow(
    sql: string,
    { signal, onRow }: { readonly signal: AbortSignal; readonly onRow: (row: Row) => void },
  ): Promise<void> {
    await this.#orDestroyed(signal, () => passRows(this.#client, sql, onRow));
  }

  /**
   * Runs one statement of somebody else's: by the extended protocol, which takes no second one, and in constant memory
   * however much it gives. Aborting destroys the connection.
   */
  async readTable(
    sql: string,
    { signal, limits }: { readonly signal: AbortSignal; readonly limits: TableLimits },
  ): Promise<Table> {
    return this.#orDestroyed(signal, () => collectTable(this.#client, sql, limits));
  }

  async #orDestroyed<T>(signal: AbortSignal, ask: () => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    const onAbort = () => this.destroy();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      return await abortable(ask(), signal);
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Drops the connection without a word to the server, which may be hung. */
  destroy(): void {
    this.#usable = false;
    destroyClient(this.#client);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#usable) return this.destroy();
    this.#usable = false;
    // Goodbye is a courtesy: a server that does not answer it must not hold us up.
    const patience = setTimeout(() => this.destroy(), 1_000);
    await this.#client.end().catch(() => undefined);
    clearTimeout(patience);
  }
}

/** What node-postgres knows of a statement when all of its rows went by. */
interface Ended {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
}

function passRows<R>(client: Client, question: string | QueryConfig, onRow: (row: R) => void): Promise<Ended> {
  const { promise, resolve, reject } = Promise.withResolvers<Ended>();
  const query = new Query(question);
  let failure: { readonly error: unknown } | undefined;
  // With a listener node-postgres keeps no rows itself.
  query.on('row', (row) => {
    if (failure !== undefined) return;
    try {
      onRow(row as R);
    } catch (error) {
      failure = { error };
    }
  });
  query.on('error', reject);
  query.on('end', (ended: Ended) => (failure === undefined ? resolve(ended) : reject(failure.error)));
  client.query(query);
  return promise;
}

async function collectTable(client: Client, sql: string, limits: TableLimits): Promise<Table> {
  const question = { text: sql, values: [], rowMode: 'array', queryMode: 'extended' };
  const rows: (string | null)[][] = [];
  let dropped = 0;
  let characters = 0;
  const { fields } = await passRows(client, question, (row: (string | null)[]) => {
    characters += row.reduce((sum, value) => sum + (value?.length ?? 0), 0);
    if (rows.length < limits.rows && characters <= limits.characters) rows.push(row);
    else dropped++;
  });
  if (rows.length < limits.rows && characters > limits.characters) {
    throw new Error(`the statement gives more than ${limits.characters} characters: fewer or shorter texts are needed`);
  }
  return { columns: fields.map(({ name, dataTypeID }) => ({ name, typeId: dataTypeID })), rows, dropped };
}
