import { open } from 'node:fs/promises';

/**
 * pg_dump in custom format names, in its table of contents, where the rows of each table begin. That stands before the rows,
 * so into a pipe, which cannot go back, it writes "not known"; then each worker of pg_restore reads through the
 * whole file, row by row, until it meets the table it is to load. This reads along while such a dump is written to a file
 * and afterwards fills in what pg_dump itself writes where it can go back.
 *
 * The format: `pg_backup_archiver.c` and `pg_backup_custom.c` of PostgreSQL. What is not understood is left as it is: pg_restore
 * then searches.
 */
export class DumpOffsets {
  readonly #cursor = new Cursor();
  readonly #scan: Iterator<void>;
  readonly #entries = new Map<number, Entry>();
  #isUnderstood = true;
  #isBetweenBlocks = false;

  constructor() {
    this.#scan = this.#read();
  }

  /** The next bytes of the dump; the chunk may be overwritten after that. Returns whether more is wanted. Never throws. */
  add(chunk: Buffer): boolean {
    if (!this.#isUnderstood) return false;
    this.#cursor.add(chunk);
    try {
      if (this.#scan.next().done) this.#isUnderstood = false;
    } catch {
      this.#isUnderstood = false;
    }
    return this.#isUnderstood;
  }

  /**
   * Writes what was found into the file that holds exactly the bytes that were added. Resolves with how many tables can be found at
   * once now; 0 when it is another kind of file, or the dump does not end where it should.
   */
  async writeInto(path: string): Promise<number> {
    const found = [...this.#entries.values()].filter(({ state, dataAt }) => state === notKnown && dataAt !== undefined);
    if (!this.#isUnderstood || !this.#isBetweenBlocks || found.length === 0) return 0;
    await using file = await open(path, 'r+');
    const field = Buffer.alloc(1 + offsetBytes);
    field[0] = known;
    for (const { fieldAt, dataAt = 0 } of found) {
      field.writeBigUInt64LE(BigInt(dataAt), 1);
      await file.write(field, 0, field.length, fieldAt);
    }
    return found.length;
  }

  *#read(): Generator<void> {
    const version = yield* this.#header();
    yield* this.#contents(version);
    for (;;) {
      this.#isBetweenBlocks = true;
      const dataAt = this.#cursor.position;
      const kind = yield* this.#cursor.byte();
      this.#isBetweenBlocks = false;
      const entry = this.#entries.get(yield* this.#cursor.int());
      if (entry === undefined || entry.dataAt !== undefined) throw notUnderstood;
      entry.dataAt = dataAt;
      yield* this.#block(kind);
    }
  }

  /** Returns the second number of the format's version: 14 of 1.14. */
  *#header(): Generator<void, number> {
    const cursor = this.#cursor;
    for (const expected of magic) if ((yield* cursor.byte()) !== expected) throw notUnderstood;
    const [major, minor, , intBytes, ofOffset, format] = yield* cursor.bytes(6);
    const isKnown = major === 1 && minor !== undefined && minor >= oldestMinor && minor <= newestMinor;
    if (!isKnown || intBytes !== 4 || ofOffset !== offsetBytes || format !== customFormat) throw notUnderstood;
    if (minor >= 15) yield* cursor.byte();
    else yield* cursor.int();
    const fieldsOfTime = 7;
    for (let field = 0; field < fieldsOfTime; field++) yield* cursor.int();
    // The database's name, the server's version and pg_dump's.
    for (let text = 0; text < 3; text++) yield* cursor.skipText();
    return minor;
  }

  *#contents(minor: number): Generator<void> {
    const cursor = this.#cursor;
    for (let left = yield* cursor.int(); left > 0; left--) {
      const dumpId = yield* cursor.int();
      yield* cursor.int();
      // Object id and that of its catalogue; tag and kind.
      for (let text = 0; text < 4; text++) yield* cursor.skipText();
      yield* cursor.int();
      // How it is made, dropped and copied, schema, tablespace, and access method.
      for (let text = 0; text < (minor >= 14 ? 6 : 5); text++) yield* cursor.skipText();
      if (minor >= 16) yield* cursor.int();
      // Owner, and whether it has oids.
      for (let text = 0; text < 2; text++) yield* cursor.skipText();
      while (yield* cursor.skipText());
      const fieldAt = cursor.position;
      const [state] = yield* cursor.bytes(1 + offsetBytes);
      this.#entries.set(dumpId, { fieldAt, state });
    }
  }

  /** Rows of a table, or a number of large objects. */
  *#block(kind: number): Generator<void> {
    if (kind === tableBlock) {
      yield* this.#cursor.skipChunks();
      return;
    }
    if (kind !== largeObjectBlock) throw notUnderstood;
    while ((yield* this.#cursor.int()) !== 0) yield* this.#cursor.skipChunks();
  }
}

interface Entry {
  /** Where the file says whether the place of the data is known, and which it is. */
  readonly fieldAt: number;
  readonly state: number | undefined;
  dataAt?: number;
}

const magic = Buffer.from('PGDMP');
const customFormat = 1;
/** PostgreSQL 9.0. */
const oldestMinor = 12;
/** PostgreSQL 17 and later. */
const newestMinor = 16;
const offsetBytes = 8;
const notKnown = 1;
const known = 2;
const tableBlock = 1;
const largeObjectBlock = 3;
const notUnderstood = new Error('not a dump in custom format that is understood');

/** Reads numbers and goes past texts in bytes that come in chunks; each generator yields when it needs the next chunk. */
class Cursor {
  #chunk: Buffer = Buffer.alloc(0);
  /** Of the chunk's first byte, from the beginning of the file. */
  #chunkAt = 0;
  /** In the chunk; beyond its end while something is skipped. */
  #at = 0;

  get position(): number {
    return this.#chunkAt + this.#at;
  }

  add(chunk: Buffer): void {
    this.#at -= this.#chunk.length;
    this.#chunkAt += this.#chunk.length;
    this.#chunk = chunk;
  }

  *byte(): Generator<void, number> {
    for (;;) {
      const value = this.#chunk[this.#at];
      if (value !== undefined) {
        this.#at++;
        return value;
      }
      yield;
    }
  }

  *bytes(amount: number): Generator<void, readonly number[]> {
    const values: number[] = [];
    while (values.length < amount) values.push(yield* this.byte());
    return values;
  }

  /** A byte for the sign, then four, the lowest first. */
  *int(): Generator<void, number> {
    if (this.#at + 5 <= this.#chunk.length) return this.#intHere();
    const [isNegative, ...digits] = yield* this.bytes(5);
    const value = Buffer.from(digits).readUInt32LE();
    return isNegative ? -value : value;
  }

  /** Returns false where there is none, which is otherwise than an empty one. */
  *skipText(): Generator<void, boolean> {
    const length = yield* this.int();
    if (length > 0) this.#at += length;
    return length >= 0;
  }

  /** Pieces with their lengths, until a length of 0. A piece may be as short as a row, so this is where the time goes. */
  *skipChunks(): Generator<void> {
    for (;;) {
      const length = this.#at + 5 <= this.#chunk.length ? this.#intHere() : yield* this.int();
      if (length === 0) return;
      if (length < 0) throw notUnderstood;
      this.#at += length;
    }
  }

  #intHere(): number {
    const at = this.#at;
    this.#at = at + 5;
    const value = this.#chunk.readUInt32LE(at + 1);
    return this.#chunk[at] ? -value : value;
  }
}
