import { promisify } from 'node:util';
import { gzip, gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { expositionContentType, writeExposition } from '../collectors/exposition.ts';
import type { SampleGroup } from '../collectors/scraper.ts';
import { acceptsGzip, chooseFormat } from './accept.ts';

const gzipAsync = promisify(gzip);

/** Below this it fits one packet as it is. */
const smallPageBytes = 1_400;

/** Up to this it is compressed in less than a millisecond, and the way to another thread and back takes longer. */
const mediumPageBytes = 256 * 1_024;

/** Level 3 makes it 4 % smaller and takes half as long again, level 6 as much again. */
const gzipLevel = 1;

/** Most pages fit one chunk; larger ones take longer to allocate than a second call does. */
const compressedChunkBytes = 16 * 1_024;

/** Answers with the samples in the format and the encoding that the caller asked for. */
export async function sendMetrics(request: FastifyRequest, reply: FastifyReply, groups: readonly SampleGroup[]) {
  const format = chooseFormat(request.headers.accept);
  const page = encode(writeExposition(groups, format));
  reply.header('content-type', expositionContentType[format]).header('vary', 'Accept, Accept-Encoding');
  const encodings = request.headers['accept-encoding'];
  if (page.length < smallPageBytes || !acceptsGzip(String(encodings ?? ''))) return reply.send(page);
  return reply.header('content-encoding', 'gzip').send(await compressed(page));
}

/** A page of ASCII alone, as most are, is copied instead of converted. */
function encode(page: string): Buffer {
  return Buffer.byteLength(page) === page.length ? Buffer.from(page, 'latin1') : Buffer.from(page);
}

function compressed(page: Buffer): Buffer | Promise<Buffer> {
  const options = { level: gzipLevel, chunkSize: compressedChunkBytes };
  return page.length <= mediumPageBytes ? gzipSync(page, options) : gzipAsync(page, options);
}
