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
  if (page.length < smallPageBytes || isNear(request) || !isGzipAccepted(request)) return reply.send(page);
  return reply.header('content-encoding', 'gzip').send(await compressed(page));
}

function isGzipAccepted({ headers }: FastifyRequest): boolean {
  return acceptsGzip(String(headers['accept-encoding'] ?? ''));
}

/** For a caller on this machine, packing and unpacking a page takes both sides longer than copying it. A proxy carries it further. */
function isNear({ ip, headers }: FastifyRequest): boolean {
  const isProxied = headers['x-forwarded-for'] !== undefined || headers['forwarded'] !== undefined;
  return isLoopback(ip) && !isProxied;
}

/** `127.0.0.0/8`, `::1`, and the former as a socket for both families tells it. */
function isLoopback(ip: string): boolean {
  return ip === '::1' || /^(::ffff:)?127\./.test(ip);
}

/** A page of ASCII alone, as most are, is copied instead of converted. */
function encode(page: string): Buffer {
  return Buffer.byteLength(page) === page.length ? Buffer.from(page, 'latin1') : Buffer.from(page);
}

function compressed(page: Buffer): Buffer | Promise<Buffer> {
  const options = { level: gzipLevel, chunkSize: compressedChunkBytes };
  return page.length <= mediumPageBytes ? gzipSync(page, options) : gzipAsync(page, options);
}
