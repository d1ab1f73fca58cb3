import { DeadlineExceeded, withDeadline } from '../../../core/deadline.ts';
import { errorMessage, findCause } from '../../../core/errors.ts';
import {
  type ByteCommand,
  type ByteReply,
  type RedisConnection,
  RedisError,
} from '../../../targets/redis/connection.ts';
import type { Attempt } from '../attempt.ts';
import type { CompareContext } from '../compare-databases.ts';
import type { Ask } from './read-keys.ts';
import { describeRefusal } from './refusal.ts';

/** Whoever has not answered one round trip by then hangs. */
const answerMs = 60_000;

/** What a node is asked. */
export interface NodeWork {
  /** For messages: `counting keys`. */
  readonly what: string;
  /** All round trips together. */
  readonly timeoutMs: number;
  /** The logical database; undefined where it does not matter. */
  readonly database?: number;
}

/** A server that has keys of its own. What it cannot tell is said, so that the others can be asked all the same. */
export class KeyNode {
  /** Its address. */
  readonly name: string;
  readonly #connection: RedisConnection | undefined;
  readonly #context: CompareContext;
  /** Why it is not asked any more. */
  #lost: string | undefined;

  /** Gives an error in place of the connection where there is none. */
  constructor(name: string, connection: RedisConnection | Error, context: CompareContext) {
    this.name = name;
    this.#context = context;
    if (connection instanceof Error) this.#lost = `it cannot be asked: ${errorMessage(connection)}`;
    else this.#connection = connection;
  }

  get isLost(): boolean {
    return this.#lost !== undefined;
  }

  /** Tells why not when the node refuses, does not answer in time or is gone; rejects when the work is cancelled. */
  async attempt<T>(given: NodeWork, work: (ask: Ask) => Promise<T>): Promise<Attempt<T>> {
    const { signal, clock } = this.#context;
    const connection = this.#connection;
    if (connection === undefined || this.#lost !== undefined) return { why: this.#lost ?? '' };
    const { what, timeoutMs: ms } = given;
    let isHung = false;
    const asking = async (inTime: AbortSignal) =>
      await work(async (commands, refusals = 'thrown') => {
        try {
          return await this.#ask(connection, commands, { ...given, refusals }, inTime);
        } catch (error) {
          isHung = !inTime.aborted;
          throw error;
        }
      });
    try {
      return { value: await withDeadline({ parent: signal, ms, clock, what }, asking) };
    } catch (error) {
      signal.throwIfAborted();
      return { why: this.#reasonOf(error, connection, isHung) };
    }
  }

  async #ask(
    connection: RedisConnection,
    commands: readonly ByteCommand[],
    { what, database, refusals }: NodeWork & { readonly refusals: 'thrown' | 'given' },
    parent: AbortSignal,
  ): Promise<readonly (ByteReply | RedisError)[]> {
    if (commands.length === 0) return [];
    const { clock } = this.#context;
    const selecting: readonly ByteCommand[] = database === undefined ? [] : [['SELECT', String(database)]];
    const all = await withDeadline({ parent, ms: answerMs, clock, what: `${what}: one answer` }, (soon) =>
      connection.askBytes([...selecting, ...commands], soon),
    );
    const [selected, answers] = [all.slice(0, selecting.length), all.slice(selecting.length)];
    throwRefusal(selected, 'thrown');
    throwRefusal(answers, refusals);
    return answers;
  }

  #reasonOf(error: unknown, connection: RedisConnection, isHung: boolean): string {
    if (findCause(error, DeadlineExceeded) !== undefined) {
      if (!connection.usable) this.#lost = 'it did not answer in time before, and was not asked again';
      return `${errorMessage(error)}${isHung ? '' : '; --timeout allows it more time'}`;
    }
    if (error instanceof RedisError) return describeRefusal(error);
    if (connection.usable) throw error;
    this.#lost = 'the connection was lost before, and it was not asked again';
    return `the connection was lost: ${errorMessage(error)}`;
  }
}

const aboutKeys = ['WRONGTYPE'];
/** What the server does not know has the code of all that has no other, as NOGROUP of a group that is gone meanwhile has its own. */
const aboutCommands = ['NOPERM', 'ERR', 'NOGROUP'];

/** An error about one key is an answer; one about what we may do, or about where the key is, is thrown. */
function throwRefusal(answers: readonly (ByteReply | RedisError)[], refusals: 'thrown' | 'given'): void {
  const answered = refusals === 'given' ? [...aboutKeys, ...aboutCommands] : aboutKeys;
  const refusal = answers.find((one) => one instanceof RedisError && !answered.includes(one.code));
  if (refusal !== undefined) throw refusal;
}

/** What some of all nodes did not tell, each reason once with the nodes that gave it; one node alone needs no name. */
export function describeFailures(
  failures: readonly { readonly node: KeyNode; readonly why: string }[],
  nodes: readonly KeyNode[],
): string {
  const byReason = Map.groupBy(failures, ({ why }) => why);
  const reasons = [...byReason].map(([why, given]) => {
    const names = [...new Set(given.map(({ node }) => node.name))];
    return names.length === nodes.length ? why : `${names.join(', ')}: ${why}`;
  });
  return reasons.join('; ');
}
