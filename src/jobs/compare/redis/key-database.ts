import type { Attempt } from '../attempt.ts';
import type { CompareContext } from '../compare-databases.ts';
import {
  type LookedUp,
  type RecordCollection,
  type RecordCount,
  type RecordKey,
  type RecordSample,
  type StoredRecord,
  Unasked,
} from '../records/collection.ts';
import { keyOfName, nameOfKey } from './key-name.ts';
import { describeFailures, type KeyNode, type NodeWork } from './key-node.ts';
import { keyRecord } from './key-record.ts';
import type { KeySpace } from './key-space.ts';
import { type Ask, readKeys } from './read-keys.ts';

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
    const { byDatabase, untold, isUntoldByAll } = await this.#space.countKeys('counting keys');
    if (isUntoldByAll) return { why: `${this.name}: ${untold}` };
    const records = byDatabase.get(this.#database) ?? 0;
    if (untold === undefined) return { value: { records } };
    return { value: { records, doubt: `not all keys of ${this.name} were counted: ${untold}`, isAtLeast: true } };
  }

  async sample(amount: number): Promise<Attempt<RecordSample>> {
    const drawn = await this.#drawKeys(amount);
    const { names, failures } = drawn;
    const found = names.length === 0 ? [] : await this.#read(names.map(keyOfName), failures);
    const records = found.flatMap((one) => (one === undefined || one instanceof Unasked ? [] : [one]));
    if (failures.length === 0) return { value: { records, notes: await this.#notesOf(drawn) } };
    const leftOut = `${this.name}: ${describeFailures(failures, this.#space.nodes)}`;
    if (records.length === 0) return { why: leftOut };
    return { value: { records, notes: await this.#notesOf(drawn), leftOut } };
  }

  async lookUp(keys: readonly RecordKey[]): Promise<Attempt<readonly LookedUp[]>> {
    const failures: NodeFailure[] = [];
    const found = await this.#read(
      keys.map(({ parts }) => keyOfName(parts[0] ?? '')),
      failures,
    );
    if (found.length === 0 || found.some((one) => !(one instanceof Unasked))) return { value: found };
    const reasons = new Set(found.map((one) => (one instanceof Unasked ? one.why : '')));
    return { why: [...reasons].join('; ') };
  }

  async #notesOf({ seen, complete }: Drawn): Promise<readonly string[]> {
    if (complete) return [];
    const { byDatabase } = await this.#space.countKeys('counting keys');
    const total = byDatabase.get(this.#database) ?? 0;
    return [
      `samples of ${this.name} are from the first ${seen} of ${total} keys that SCAN gives, in an order of hashes that is the same each time`,
    ];
  }

  /** Every key that is seen is as likely to be taken as any other. */
  async #drawKeys(amount: number): Promise<Drawn> {
    const { clock } = this.#context;
    const { nodes } = this.#space;
    const names: string[] = [];
    const failures: NodeFailure[] = [];
    let [seen, complete] = [0, true];
    const take = (name: string) => {
      seen += 1;
      const place = names.length < amount ? names.length : Math.floor(Math.random() * seen);
      if (place < amount) names[place] = name;
    };
    for (const node of nodes) {
      const endsAtMs = clock.monotonicMs() + scanMs / nodes.length;
      const scanned = await node.attempt(this.#work('choosing samples'), (ask) =>
        this.#scan(ask, { endsAtMs, onKey: take }),
      );
      if ('why' in scanned) failures.push({ node, why: scanned.why });
      else complete &&= scanned.value;
    }
    return { names: [...new Set(names)], seen, complete, failures };
  }

  #work(what: string): NodeWork {
    return { what, timeoutMs: this.#space.timeoutMs, database: this.#database };
  }

  /** Gives false when there are keys that were not seen. */
  async #scan(ask: Ask, { endsAtMs, onKey }: Scanning): Promise<boolean> {
    const { clock, onProgress } = this.#context;
    let scanned = 0;
    for (let cursor = '0'; ; ) {
      const [reply] = await ask([['SCAN', cursor, 'COUNT', String(scanCount)]]);
      if (!Array.isArray(reply) || !Array.isArray(reply[1])) throw new Error('SCAN gave something else than keys');
      cursor = String(reply[0]);
      for (const key of reply[1]) onKey(nameOfKey(key as Buffer));
      scanned += reply[1].length;
      onProgress({ activity: `choosing samples of ${this.name}, ${scanned} keys seen` });
      if (cursor === '0') return true;
      if (scanned >= mostScanned || clock.monotonicMs() >= endsAtMs) return false;
    }
  }

  /** What a node cannot tell of its keys is noted in `failures`, too. */
  async #read(keys: readonly Buffer[], failures: NodeFailure[]): Promise<LookedUp[]> {
    const found: LookedUp[] = keys.map(() => undefined);
    for (const [node, entries] of Map.groupBy(keys.entries(), ([, key]) => this.#space.nodeOf(key))) {
      const read = await this.#readOf(
        node,
        entries.map(([, key]) => key),
      );
      if ('why' in read && node !== undefined) failures.push({ node, why: read.why });
      for (const [at, [index]] of entries.entries()) {
        found[index] = 'why' in read ? this.#unasked(node, read.why) : read.value[at];
      }
    }
    return found;
  }

  #unasked(node: KeyNode | undefined, why: string): Unasked {
    const failure = node === undefined ? why : describeFailures([{ node, why }], this.#space.nodes);
    return new Unasked(`${this.name}: ${failure}`);
  }

  async #readOf(
    node: KeyNode | undefined,
    keys: readonly Buffer[],
  ): Promise<Attempt<readonly (StoredRecord | undefined)[]>> {
    if (node === undefined) return { why: 'nobody has the slots of these keys' };
    return await node.attempt(this.#work('looking for keys'), async (ask) => {
      const records: (StoredRecord | undefined)[] = [];
      for (let from = 0; from < keys.length; from += keysAtOnce) {
        const some = keys.slice(from, from + keysAtOnce);
        // Times to live count from when they are asked for: reading many keys takes longer than they may differ.
        const nowMs = this.#context.clock.now().getTime();
        const states = await readKeys(ask, some);
        records.push(
          ...some.map((key, at) => {
            const state = states[at];
            return state === undefined ? undefined : keyRecord(key, state, nowMs);
          }),
        );
      }
      return records;
    });
  }
}

interface NodeFailure {
  readonly node: KeyNode;
  readonly why: string;
}

interface Drawn {
  readonly names: readonly string[];
  readonly seen: number;
  /** Of the nodes that answered, all keys were seen. */
  readonly complete: boolean;
  readonly failures: NodeFailure[];
}

interface Scanning {
  readonly endsAtMs: number;
  readonly onKey: (name: string) => void;
}
