import type { Command } from '../../targets/redis/connection.ts';
import { askAll } from './scan.ts';
import type { NodeReading } from './source.ts';

const listCommand: Command = ['CLIENT', 'LIST'];
/** The server writes a line for each connection while nobody else is served. */
export const mostListed = 10_000;

/** A connection as CLIENT LIST tells it, by field. */
export type ClientFields = ReadonlyMap<string, string>;

/** All connections. Throws where there are more than {@link mostListed}. */
export async function listClients(reading: NodeReading, signal: AbortSignal): Promise<ClientFields[]> {
  const amount = reading.info.number('connected_clients') ?? 0;
  if (amount > mostListed) throw new Error(`the server has ${amount} connections, too many to be listed`);
  const [answer] = await askAll(reading, [listCommand], signal);
  return String(answer)
    .split('\n')
    .filter((line) => line !== '')
    .map(parseClient);
}

/** `id=3 addr=127.0.0.1:50188 name= …`: a value holds no space. */
function parseClient(line: string): ClientFields {
  return new Map(
    line.split(' ').map((part) => {
      const equals = part.indexOf('=');
      return [part.slice(0, equals), part.slice(equals + 1)];
    }),
  );
}
