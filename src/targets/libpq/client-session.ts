import type { Client } from 'pg';
import { abortable } from '../../core/deadline.ts';
import { destroyClient, serverCertificateExpiry } from './client.ts';

/** A row as PostgreSQL's text protocol gives it: every value is text or null, and the reader converts knowingly. */
export type Row = Readonly<Record<string, string | null>>;

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
    options.signal.throwIfAborted();
    const onAbort = () => this.destroy();
    options.signal.addEventListener('abort', onAbort, { once: true });
    try {
      const { values } = options;
      const question = values === undefined ? { text: sql } : { text: sql, values: [...values], queryMode: 'extended' };
      const result = this.#client.query<Row>(question);
      return (await abortable(result, options.signal)).rows;
    } finally {
      options.signal.removeEventListener('abort', onAbort);
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
