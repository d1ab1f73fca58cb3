import { type Command, RedisError, type Reply } from './connection.ts';
import {
  clusterNodesCommand,
  nodeAt,
  parseClusterNodes,
  type RedisNode,
  recordsOf,
  sentinelMastersCommand,
  sentinelNode,
  sentinelPeersCommand,
  sentinelReplicasCommand,
} from './topology.ts';
import type { RedisAddress } from './url.ts';

type Answer = Reply | RedisError;
/** One round trip to the node that tells about the others. */
export type AskEntry = (commands: readonly Command[]) => Promise<readonly Answer[]>;

/** Finds the nodes of a target by asking one of them. */
export interface Discovery {
  /** What the node that tells about the others is asked, along with everything else. */
  commands(): readonly Command[];
  /** The nodes, from the answers to `commands()`; asks more only when something is new. */
  nodes(answers: readonly Answer[], asked: RedisAddress, ask: AskEntry): Promise<readonly RedisNode[]>;
}

/** There is nobody but the one. */
export const noDiscovery: Discovery = {
  commands: () => [],
  nodes: async (_answers, asked) => [nodeAt(asked)],
};

export const clusterDiscovery: Discovery = {
  commands: () => [clusterNodesCommand],
  async nodes([answer], asked) {
    if (answer instanceof RedisError) throw new Error('asking for the nodes of the cluster', { cause: answer });
    const nodes = parseClusterNodes(String(answer), asked);
    if (nodes.length === 0) throw new Error('the server tells no node of a cluster; is it one?');
    return nodes;
  },
};

/** The Sentinels, and every master they watch with its replicas. */
export class SentinelDiscovery implements Discovery {
  #masters: readonly string[] = [];

  commands(): readonly Command[] {
    return [sentinelMastersCommand, ...commandsAbout(this.#masters)];
  }

  async nodes(answers: readonly Answer[], asked: RedisAddress, ask: AskEntry): Promise<readonly RedisNode[]> {
    const [answer] = answers;
    if (answer instanceof RedisError) throw new Error('asking the Sentinel for its masters', { cause: answer });
    const masters = recordsOf(answer);
    const names = masters.map((fields) => fields.get('name') ?? '');
    const told = new Map(commandsAbout(this.#masters).map((command, index) => [command.join(' '), answers[index + 1]]));
    const missing = commandsAbout(names).filter((command) => !told.has(command.join(' ')));
    const more = missing.length === 0 ? [] : await ask(missing);
    for (const [index, command] of missing.entries()) told.set(command.join(' '), more[index]);
    this.#masters = names;
    const recordsAbout = (command: Command) => {
      const reply = told.get(command.join(' '));
      return reply instanceof RedisError ? [] : recordsOf(reply);
    };
    const nodes = [nodeAt(asked, { kind: 'sentinel', role: 'sentinel' })];
    for (const [index, group] of names.entries()) {
      const about = [
        ...recordsAbout(sentinelPeersCommand(group)).map((peer) =>
          sentinelNode(peer, { kind: 'sentinel', role: 'sentinel', group: '' }),
        ),
        sentinelNode(masters[index] ?? new Map(), { kind: 'data', role: 'master', group }),
        ...recordsAbout(sentinelReplicasCommand(group)).map((replica) =>
          sentinelNode(replica, { kind: 'data', role: 'replica', group }),
        ),
      ];
      nodes.push(...about.filter((node) => node !== undefined));
    }
    return nodes;
  }
}

function commandsAbout(masters: readonly string[]): Command[] {
  return masters.flatMap((name) => [sentinelReplicasCommand(name), sentinelPeersCommand(name)]);
}
