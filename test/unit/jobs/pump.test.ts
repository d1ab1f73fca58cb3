import { PassThrough, Readable, Writable } from 'node:stream';
import { expect, test } from 'vitest';
import { pump } from '../../../src/jobs/backup/pump.ts';

const signal = new AbortController().signal;
const nothing = () => undefined;

/** Takes its time and holds one chunk at most. */
class SlowSink extends Writable {
  readonly taken: string[] = [];
  constructor() {
    super({ highWaterMark: 1 });
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.taken.push(chunk.toString());
    setImmediate(done);
  }
}

test('everything arrives in order, is shown on its way, and the sink is ended', async () => {
  const sink = new SlowSink();
  const shown: string[] = [];

  await pump(Readable.from([Buffer.from('a'), Buffer.from('b'), Buffer.from('c')]), sink, {
    signal,
    onChunk: (chunk) => shown.push(chunk.toString()),
  });

  expect(sink.taken).toEqual(['a', 'b', 'c']);
  expect(shown).toEqual(['a', 'b', 'c']);
  expect(sink.writableFinished).toBe(true);
});

test('a slow sink holds the source back', async () => {
  let given = 0;
  const source = new Readable({
    highWaterMark: 1,
    read() {
      this.push(++given <= 100 ? Buffer.alloc(1_024) : null);
    },
  });
  const sink = new SlowSink();
  let ahead = 0;

  await pump(source, sink, {
    signal,
    onChunk: () => {
      ahead = Math.max(ahead, given - sink.taken.length);
    },
  });

  expect(sink.taken).toHaveLength(100);
  expect(ahead).toBeLessThan(5);
});

test('a source that breaks destroys the sink and is the reason', async () => {
  const source = new PassThrough();
  const sink = new SlowSink();

  const pumping = pump(source, sink, { signal, onChunk: nothing });
  source.write('a');
  source.destroy(new Error('the disk is on fire'));

  await expect(pumping).rejects.toThrow('the disk is on fire');
  expect(sink.destroyed).toBe(true);
});

test('a source that closes before its end is no end', async () => {
  const source = new PassThrough();
  const sink = new SlowSink();

  const pumping = pump(source, sink, { signal, onChunk: nothing });
  source.destroy();

  await expect(pumping).rejects.toMatchObject({ code: 'ERR_STREAM_PREMATURE_CLOSE' });
  expect(sink.writableFinished).toBe(false);
});

test('a sink that breaks destroys the source', async () => {
  const source = new PassThrough();
  const sink = new Writable({ write: (_chunk, _encoding, done) => done(new Error('no space')) });

  const pumping = pump(source, sink, { signal, onChunk: nothing });
  source.write('a');

  await expect(pumping).rejects.toThrow('no space');
  expect(source.destroyed).toBe(true);
});

test('an abort destroys both', async () => {
  const stop = new AbortController();
  const source = new PassThrough();
  const sink = new SlowSink();

  const pumping = pump(source, sink, { signal: stop.signal, onChunk: nothing });
  stop.abort(new Error('enough'));

  await expect(pumping).rejects.toMatchObject({ code: 'ABORT_ERR' });
  expect(source.destroyed && sink.destroyed).toBe(true);
});

test('what goes wrong while a chunk is shown ends both', async () => {
  const sink = new SlowSink();

  const pumping = pump(Readable.from([Buffer.from('a')]), sink, {
    signal,
    onChunk: () => {
      throw new Error('hash failed');
    },
  });

  await expect(pumping).rejects.toThrow('hash failed');
});
