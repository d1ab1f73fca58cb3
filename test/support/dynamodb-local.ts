import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startProcess } from '../../src/core/run-process.ts';
import { freePort } from './free-port.ts';

const folder = join(import.meta.dirname, '../../.cache/dynamodb-local');
/** Where there is no Java or no Maven its tests are skipped, and counted as such. */
export const isDynamodbLocalInstalled = existsSync(folder);

/** Amazon's own DynamoDB Local, in memory, on a free port of this machine. */
export async function startDynamodbLocal(): Promise<{ readonly endpoint: string } & AsyncDisposable> {
  const port = await freePort();
  const stop = new AbortController();
  const server = startProcess(
    'java',
    [
      `-Djava.library.path=${folder}`,
      '-cp',
      `${folder}/*`,
      'com.amazonaws.services.dynamodbv2.local.main.ServerRunner',
      '-inMemory',
      '-disableTelemetry',
      '-port',
      String(port),
    ],
    { signal: stop.signal },
  );
  server.stdout.resume();
  const endpoint = `http://127.0.0.1:${port}`;
  for (let attempt = 0; (await fetch(endpoint).catch(() => undefined)) === undefined; attempt++) {
    if (attempt > 300) throw new Error(`DynamoDB Local did not answer at ${endpoint}`);
    await delay(100);
  }
  return {
    endpoint,
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the test ended'));
      await server.exited.catch(() => undefined);
    },
  };
}
