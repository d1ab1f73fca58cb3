import type { Metric, Sample } from '../../core/metric.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { type Command, type RedisConnection, RedisError, type Reply } from '../../targets/redis/connection.ts';
import { Info, type ServerFacts } from '../../targets/redis/info.ts';
import type { RedisNode } from '../../targets/redis/topology.ts';
import { commandKey, type NodeAnswers } from '../../targets/redis/visit.ts';
import { NotApplicable } from '../collector.ts';
import type { RedisWatchSettings } from './settings.ts';

export const infoCommand: Command = ['INFO', 'ALL'];

/** What the daemon remembers of a node between scrapes, as long as the server is the same process. */
export interface NodeMemory {
  runId: string;
  slowlogId?: number;
}

/** What one node answered in this scrape. */
export class NodeReading {
  readonly node: RedisNode;
  readonly connection: RedisConnection;
  readonly settings: RedisWatchSettings;
  readonly memory: NodeMemory;
  /** The logical database of the target’s URL. */
  readonly database: number;
  readonly #answers: ReadonlyMap<string, Reply | RedisError>;
  #info: Info | undefined;

  constructor(
    answers: Extract<NodeAnswers, { readonly connection: unknown }>,
    given: { readonly settings: RedisWatchSettings; readonly memory: NodeMemory; readonly database: number },
  ) {
    this.node = answers.node;
    this.connection = answers.connection;
    this.settings = given.settings;
    this.memory = given.memory;
    this.database = given.database;
    this.#answers = answers.answers;
  }

  /** INFO, parsed once. */
  get info(): Info {
    this.#info ??= Info.parse(String(this.reply(infoCommand)));
    return this.#info;
  }

  /** The answer to a command; undefined when it was not asked. */
  answer(command: Command): Reply | RedisError | undefined {
    return this.#answers.get(commandKey(command));
  }

  /** The answer to a command. Throws {@link NotApplicable} where the server has no such command and was not asked. */
  reply(command: Command): Reply {
    const answer = this.answer(command);
    if (answer === undefined) throw new NotApplicable(`${commandKey(command)} means nothing here`);
    if (!(answer instanceof RedisError)) return answer;
    if (answer.isUnknownCommand) throw new NotApplicable(`the server has no ${command[0]}`);
    throw explain(answer, command);
  }

  /** The same, but undefined where it was refused: for what a family can do without. */
  optionalReply(command: Command): Reply | undefined {
    const answer = this.answer(command);
    return answer instanceof RedisError ? undefined : answer;
  }
}

/** An error of the server in the words of the one who has to mend it. */
export function explain(error: RedisError, command: Command): Error {
  if (error.code !== 'NOPERM')
    return new Error(`the server answers ${commandKey(command)} with an error`, { cause: error });
  const [name, sub] = command;
  const right = sub === undefined || /\d/.test(sub) || name === 'INFO' ? name : `${name}|${sub}`;
  return new Error(`the user may not run ${commandKey(command)}: ACL SETUSER … +${right.toLowerCase()}`, {
    cause: error,
  });
}

/** What is known of a node before it is asked. */
export interface AskedNode {
  readonly node: RedisNode;
  readonly facts: ServerFacts;
  /** The masters that Sentinels were known to watch. */
  readonly masters: readonly string[];
  readonly settings: RedisWatchSettings;
}

/** A family of a Redis server: what it asks each node, and what it makes of one node's answers. */
export interface RedisFamily {
  /** snake_case; the key in the configuration and the value of the `collector` label. */
  readonly name: string;
  readonly about: string;
  readonly metrics: readonly Metric[];
  readonly enabledByDefault: boolean;
  /** Looks at keys or clients one by one: collected apart, less often. */
  readonly minIntervalMs?: number;
  /** Which kind of node it is about: servers with data when absent. */
  readonly kind?: RedisNode['kind'] | 'any';
  /** What it reads beside INFO, asked in the one round trip of the scrape. */
  commands?(asked: AskedNode): readonly Command[];
  /** All samples of this node, or throws; {@link NotApplicable} where there is nothing to measure. */
  read(reading: NodeReading, context: WorkContext): readonly Sample[] | Promise<readonly Sample[]>;
}

/** What the collectors of a Redis target read from: the answers of all nodes, asked for once in a scrape. */
export interface RedisSource {
  readings(context: WorkContext): Promise<readonly NodeOutcome[]>;
  /** Nodes that exist beyond the limit. */
  readonly notWatched: number;
}

export interface Answered {
  readonly node: RedisNode;
  readonly reading: NodeReading;
  failedFamilies: number;
}

/** A node that answered, or why it did not. */
export type NodeOutcome = Answered | { readonly node: RedisNode; readonly error: Error };
