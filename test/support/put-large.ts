import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { systemClock } from '../../src/core/clock.ts';
import { literalSecret } from '../../src/core/secret.ts';
import { openStore } from '../../src/storage/index.ts';

/**
 * A program: `put-large.ts SETTINGS_JSON MEGABYTES` puts an object of this size into a store and reads it back. Prints
 * how many bytes it read, and by how many bytes the process grew at most.
 */
const [settings = '{}', megabytes = '0'] = process.argv.slice(2);
const signal = new AbortController().signal;
await using store = await openStore(JSON.parse(settings), {
  secretAccessKey: literalSecret('testing'),
  clock: systemClock,
});
await store.put('warm/up', Buffer.from('x'), signal);
const before = process.memoryUsage.rss();
let mostBytes = before;
// Not the peak that the system tells: that begins with the one of the process that started us.
const look = () => {
  mostBytes = Math.max(mostBytes, process.memoryUsage.rss());
};
const chunk = randomBytes(2 ** 20);
const body = Readable.from(
  (function* () {
    for (let done = 0; done < Number(megabytes); done++) {
      look();
      yield chunk;
    }
  })(),
  { objectMode: false },
);
await store.put('a/large', body, signal);
let readBytes = 0;
for await (const piece of await store.get('a/large', signal)) {
  look();
  readBytes += (piece as Buffer).length;
}
process.stdout.write(`${JSON.stringify({ readBytes, grownBytes: mostBytes - before })}\n`);
