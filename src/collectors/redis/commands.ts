import type { Command, Reply } from '../../targets/redis/connection.ts';
import type { RedisWatchSettings, renamableCommands } from './settings.ts';

/** A command under the name that this server has for it. */
export function renamed(
  settings: RedisWatchSettings,
  name: (typeof renamableCommands)[number],
  ...rest: readonly string[]
): Command {
  return [settings.commands[name] ?? name, ...rest];
}

/** One parameter a command: several in one are understood from Redis 7 on only, and all would fetch passwords too. */
export function configCommand(settings: RedisWatchSettings, parameter: string): Command {
  return renamed(settings, 'CONFIG', 'GET', parameter);
}

/** The value in the answer to it; undefined where the server has no such parameter. */
export function configValue(reply: Reply | undefined): string | undefined {
  return Array.isArray(reply) && reply.length >= 2 ? String(reply[1]) : undefined;
}
