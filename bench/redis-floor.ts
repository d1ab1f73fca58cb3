import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestRedis } from '../test/support/redis.ts';
import { median } from './statistics.ts';

const rounds = 500;
const warmUps = 200;

/** The larger ones of what a scrape asks a node of a cluster. The last answer is short and known. */
const commands: readonly (readonly string[])[] = [
  ['INFO', 'ALL'],
  ['CONFIG', 'GET', '*'],
  ['SLOWLOG', 'LEN'],
  ['LATENCY', 'LATEST'],
  ['LATENCY', 'HISTOGRAM'],
  ['CLUSTER', 'INFO'],
  ['CLUSTER', 'NODES'],
  ['PING'],
];
const lastAnswer = '+PONG\r\n';

/**
 * Milliseconds until these servers have answered, all asked at once over raw connections, with nobody looking at what they
 * say: less no scrape of them can take on this machine, whoever makes it.
 */
export async function askingAlone(servers: readonly TestRedis[]): Promise<number> {
  const sockets = await Promise.all(servers.map(connected));
  const times: number[] = [];
  for (let round = -warmUps; round < rounds; round++) {
    const startMs = performance.now();
    await Promise.all(sockets.map(ask));
    if (round >= 0) times.push(performance.now() - startMs);
  }
  for (const socket of sockets) socket.destroy();
  return median(times);
}

async function connected({ name }: TestRedis): Promise<Socket> {
  const { hostname, port } = new URL(`redis://${name}`);
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  await once(socket, 'connect');
  return socket;
}

const request = commands.map(encoded).join('');

function encoded(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

function ask(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    let tail = '';
    const onData = (chunk: Buffer) => {
      const end = chunk.toString('latin1', Math.max(0, chunk.length - lastAnswer.length));
      tail = (tail + end).slice(-lastAnswer.length);
      if (tail !== lastAnswer) return;
      socket.off('data', onData).off('error', reject);
      resolve();
    };
    socket.on('data', onData).once('error', reject);
    socket.write(request);
  });
}
