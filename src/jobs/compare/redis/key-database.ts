import { DeadlineExceeded, withDeadline } from '../../../core/deadline.ts';
import { errorMessage, findCause } from '../../../core/errors.ts';
import { type RedisConnection, RedisError } from '../../../targets/redis/connection.ts';
import type { Attempt } from '../attempt.ts';
import type { CompareContext } from '../compare-databases.ts';
import type { RecordCollection, RecordCount, RecordKey, RecordSample, StoredRecord } from '../records/collection.ts';
import type { Value } from '../records/values.ts';
import { keyOfName, nameOfKey } from './key-name.ts';
import type { KeySpace } from './key-space.ts';
import { ask, type KeyState, readKeys } from './read-keys.ts';

/** The server looks at so many keys in one go. */
const scanCount = 1_000;
/** Of each server. */
const mostScanned = 200_000;
/** For all servers together. */
const scanMs = 20_000;
/** Each value may have a mebibyte. */
const keysAtOnce = 20;

/** A logical database of Redis: of one server, or of a cluster as one. Each read is of the moment. */
export class KeyDatabase implements RecordCollection {
  readonly name: string;
  readonly #space: KeySpace;
  readonly #database: number;
  readonly #context: CompareContext;

  constructor(space: KeySpace, database: number, context: CompareContext) {
    this.name = `${space.target} db${database}`;
    this.#space = space;
    this.#database = database;
    this.#context = context;
  }

  async count(): Promise<Attempt<RecordCount>> {
    return await this.#attempt('counting keys', async (signal) => ({ records: await this.#keys(signal) }));
  }

  async sample(amount: number): Promise<Attempt<RecordSample>> {
    return await this.#attempt('choosing samples', async (signal) => {
      const total = await this.#keys(signal);
      const { names, seen, complete } = await this.#drawKeys(amount, signal);
      const found = await this.#read(
        names.map((name) => keyOfName(name)),
        signal,
      );
      const part = `samples of ${this.name} are from the first ${seen} of ${total} keys that SCAN gives, in an order of hashes that is the same each time`;
      return { records: found.filter((one) => one !== undefined), notes: complete ? [] : [part] };
    });
  }

  async lookUp(keys: readonly RecordKey[]): Promise<Attempt<readonly (StoredRecord | undefined)[]>> {
    return await this.#attempt('looking for keys', (signal) =>
      this.#read(
        keys.map(({ parts }) => keyOfName(parts[0] ?? '')),
        signal,
      ),
    );
  }

  async #keys(signal: AbortSignal): Promise<number> {
    return (await this.#space.counts(signal)).get(this.#database) ?? 0;
  }

  /** Every key that is seen is as likely to be taken as any other. */
  async #drawKeys(
    amount: number,
    signal: AbortSignal,
  ): Promise<{ readonly names: readonly string[]; readonly seen: number; readonly complete: boolean }> {
    const { clock } = this.#context;
    const { connections } = this.#space;
    const drawn: string[] = [];
    let [seen, complete] = [0, true];
    const take = (name: string) => {
      seen += 1;
      const place = drawn.length < amount ? drawn.length : Math.floor(Math.random() * seen);
      if (place < amount) drawn[place] = name;
    };
    for (const connection of connections) {
      const endsAtMs = clock.monotonicMs() + scanMs / connections.length;
      const ended = await this.#scan(connection, { endsAtMs, onKey: take, signal });
      complete &&= ended;
    }
    return { names: [...new Set(drawn)], seen, complete };
  }

  /** Gives false when there are keys that were not seen. */
  async #scan(connection: RedisConnection, { endsAtMs, onKey, signal }: Scanning): Promise<boolean> {
    const { clock, onProgress } = this.#context;
    const given = { database: this.#database, signal };
    let scanned = 0;
    for (let cursor = '0'; ; ) {
      const [reply] = await ask(connection, [['SCAN', cursor, 'COUNT', String(scanCount)]], given);
      if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw new Error('SCAN gave something else than keys');
      cursor = String(reply[0]);
      for (const key of reply[1]) onKey(nameOfKey(key as Buffer));
      scanned += reply[1].length;
      onProgress({ activity: `choosing samples of ${this.name}, ${scanned} keys seen` });
      if (cursor === '0') return true;
      if (scanned >= mostScanned || clock.monotonicMs() >= endsAtMs) return false;
    }
  }

  async #read(keys: readonly Buffer[], signal: AbortSignal): Promise<(StoredRecord | undefined)[]> {
    const found: (StoredRecord | undefined)[] = keys.map(() => undefined);
    const byConnection = Map.groupBy(keys.entries(), ([, key]) => this.#space.connectionOf(key));
    for (const [connection, entries] of byConnection) {
      if (connection === undefined) throw new RedisError('CLUSTERDOWN nobody has the slots of some keys');
      for (let from = 0; from < entries.length; from += keysAtOnce) {
        const some = entries.slice(from, from + keysAtOnce);
        const given = { database: this.#database, signal };
        const states = await readKeys(
          connection,
          some.map(([, key]) => key),
          given,
        );
        for (const [at, [index, key]] of some.entries()) found[index] = this.#toRecord(key, states[at]);
      }
    }
    return found;
  }

  #toRecord(key: Buffer, state: KeyState | undefined): StoredRecord | undefined {
    if (state === undefined) return undefined;
    const { type, leftMs, length, fingerprint, skipped } = state;
    const values = new Map<string, Value>([['type', { kind: 'text', text: type }]]);
    const ends = leftMs === undefined ? 'never' : String(this.#context.clock.now().getTime() + leftMs);
    values.set(timeToLive, { kind: 'text', text: ends });
    if (length !== undefined) values.set('length', { kind: 'number', text: String(length) });
    if (fingerprint !== undefined) values.set('value', { kind: 'text', text: fingerprint });
    return { key: { parts: [nameOfKey(key)] }, values, skipped };
  }

  /** A connection that is lost rejects, unless we dropped it because its server took too long. */
  async #attempt<T>(what: string, work: (signal: AbortSignal) => Promise<T>): Promise<Attempt<T>> {
    const { signal, clock } = this.#context;
    const { hung, timeoutMs } = this.#space;
    if (hung !== undefined) return { why: `${this.name}: ${hung}` };
    try {
      return { value: await withDeadline({ parent: signal, ms: timeoutMs, clock, what }, work) };
    } catch (error) {
      signal.throwIfAborted();
      if (findCause(error, DeadlineExceeded) !== undefined) {
        this.#space.giveUpHung();
        return { why: `${this.name}: ${errorMessage(error)}; --timeout allows it more time` };
      }
      if (!(error instanceof RedisError)) throw error;
      return { why: `${this.name}: ${errorMessage(error)}${remedyOf(error)}` };
    }
  }
}

interface Scanning {
  readonly endsAtMs: number;
  readonly onKey: (name: string) => void;
  readonly signal: AbortSignal;
}

const timeToLive = 'time to live';

/** What may be done about it is said where it is known. */
function remedyOf({ code }: RedisError): string {
  const remedies: Readonly<Record<string, string>> = {
    NOPERM: '; the user watchkeeper_compare of deploy/redis/acl.txt has the rights',
    MOVED: '; slots are moving between the nodes: compare again',
    ASK: '; slots are moving between the nodes: compare again',
    TRYAGAIN: '; slots are moving between the nodes: compare again',
  };
  return remedies[code] ?? '';
}

/** Names of what is not the same in a key of both sides; a value that one side did not give is not compared. */
export function differingKeyStates(toleranceMs: number) {
  return (source: StoredRecord, other: StoredRecord): readonly string[] =>
    ['type', timeToLive, 'length', 'value'].filter((name) => {
      const [before, after] = [source.values.get(name)?.text, other.values.get(name)?.text];
      if (before === undefined || after === undefined || before === after) return false;
      // The ends of two lives that are both limited.
      return name !== timeToLive || !(Math.abs(Number(before) - Number(after)) <= toleranceMs);
    });
}

/** Whether the life of a key is over, or so nearly that it may be over on the other side. */
export function endingKey(toleranceMs: number, { clock }: Pick<CompareContext, 'clock'>) {
  return ({ values }: StoredRecord): boolean =>
    Number(values.get(timeToLive)?.text) - clock.now().getTime() <= toleranceMs;
}
