import type { FileHandle } from 'node:fs/promises';
import type { Clock } from '../core/clock.ts';
import { streamBufferBytes } from './backup/hashing.ts';

const pollMs = 10;

/**
 * Reads a file, from its beginning, while somebody else is writing it: what was just written is read from memory, where a
 * second look at a large file would read the disk. Resolves when `written` is settled and all of it was read, or when
 * `onChunk` returns false. A chunk is overwritten by the next.
 */
export async function readAlong(
  file: FileHandle,
  from: {
    readonly written: Promise<unknown>;
    readonly clock: Clock;
    /** Whether it wants more. */
    readonly onChunk: (chunk: Buffer) => boolean;
  },
): Promise<void> {
  let isWritten = false;
  let wake = (): void => undefined;
  const onEnd = () => {
    isWritten = true;
    wake();
  };
  from.written.then(onEnd, onEnd);
  // No race of promises: each would stay with `written` until its end, which may be hours away.
  const pause = () =>
    new Promise<void>((resolve) => {
      const cancel = from.clock.startTimer(pollMs, resolve);
      wake = () => {
        cancel();
        resolve();
      };
    });
  const buffer = Buffer.allocUnsafe(streamBufferBytes);
  for (let at = 0; ; ) {
    // Before the look: what comes between both is read by the next.
    const isLast = isWritten;
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at);
    at += bytesRead;
    if (bytesRead === 0 && isLast) return;
    if (bytesRead === 0 && !isWritten) await pause();
    if (bytesRead === 0) continue;
    if (!from.onChunk(buffer.subarray(0, bytesRead))) return;
  }
}
