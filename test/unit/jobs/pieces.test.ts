import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { ChunkHasher } from '../../../src/jobs/backup/hashing.ts';
import { manifestSchema } from '../../../src/jobs/manifest.ts';
import { PieceHashes, pieceBytes, usualPieceSizes } from '../../../src/jobs/pieces.ts';
import { openSealedJson, sealedJson } from '../../../src/jobs/sealed-json.ts';
import { sampleManifest } from '../../support/sample-backup.ts';

const backup = { at: '2026-11-20T02:00:00Z' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

test('pieces begin at 4 MiB, double every 4,096 and end at 32 MiB', () => {
  const sizes = [0, 4_095, 4_096, 8_192, 12_287, 12_288, 1_000_000].map((index) => pieceBytes(usualPieceSizes, index));

  expect(sizes.map((bytes) => bytes / 2 ** 20)).toEqual([4, 4, 8, 16, 16, 32, 32]);
});

test('the manifest of 5 TiB stays below 8 MB, and can be read as it was written', () => {
  let pieces = 0;
  for (let leftBytes = 5 * 2 ** 40; leftBytes > 0; leftBytes -= pieceBytes(usualPieceSizes, pieces - 1)) pieces++;
  const manifest = sampleManifest(backup);
  const [part] = manifest.parts;
  const chunks = new PieceHashes(Buffer.alloc(pieces * 32, 'hash'));
  const large = { ...manifest, parts: [{ ...part, ...usualPieceSizes, chunks }] };

  const bytes = sealedJson(large);
  const read = manifestSchema.parse(openSealedJson(bytes));

  expect(pieces).toBe(172_544);
  expect(bytes.length).toBeLessThan(8_000_000);
  expect(read.parts[0]?.chunks.bytes.equals(chunks.bytes)).toBe(true);
  expect(openSealedJson(sealedJson(read))).toEqual(openSealedJson(bytes));
});

test('a manifest of pieces of one size is read and written as ever', () => {
  const text = JSON.stringify({
    ...sampleManifest(backup),
    parts: [{ ...sampleManifest(backup).parts[0], chunks: ['ab'.repeat(32)] }],
  });

  const read = manifestSchema.parse(JSON.parse(text));

  expect(read.parts[0]?.chunks.at(0)).toBe('ab'.repeat(32));
  expect([read.parts[0]?.chunks.at(1), read.parts[0]?.chunks.at(-1)]).toEqual([undefined, undefined]);
  expect(JSON.stringify(read)).toBe(text);
});

test.each<[string, string[] | string]>([
  ['a hash that is too short', ['ab']],
  ['a text that is no base64', '!'.repeat(44)],
  ['a text that ends within a hash', Buffer.alloc(33).toString('base64')],
])('%s is refused', (_name, chunks) => {
  const manifest = { ...sampleManifest(backup), parts: [{ ...sampleManifest(backup).parts[0], chunks }] };

  expect(manifestSchema.safeParse(JSON.parse(JSON.stringify(manifest))).success).toBe(false);
});

test.each([
  [4_096, 'object'],
  [4_097, 'string'],
])('%s hashes are written as they are easiest to read', (length, type) => {
  const hashes = new PieceHashes(Buffer.alloc(32 * length, 'hash'));

  const written = hashes.toJSON();

  expect(typeof written).toBe(type);
  expect(PieceHashes.parse(written)).toEqual(hashes);
});

test('what is stored is hashed in growing pieces, however it comes', () => {
  const hasher = new ChunkHasher({ chunkBytes: 2, chunkGrowth: { every: 2, mostBytes: 5 } });
  for (const chunk of ['0', '123456', '789abcdefghij', '+++']) hasher.update(Buffer.from(chunk));

  const { chunks, ...sums } = hasher.finish();

  expect(sums).toEqual({
    sizeBytes: 23,
    sha256: sha256('0123456789abcdefghij+++'),
    chunkBytes: 2,
    chunkGrowth: { every: 2, mostBytes: 5 },
  });
  expect(chunks.toJSON()).toEqual(['01', '23', '4567', '89ab', 'cdefg', 'hij++', '+'].map(sha256));
});

test('where no piece grew nothing is said of growing', () => {
  const hasher = new ChunkHasher({ chunkBytes: 2, chunkGrowth: { every: 2, mostBytes: 5 } });
  hasher.update(Buffer.from('0123'));

  const hashed = hasher.finish();

  expect(Object.keys(hashed)).toEqual(['sizeBytes', 'sha256', 'chunkBytes', 'chunks']);
  expect(hashed.chunks).toHaveLength(2);
});

test('more hashes than there was room for at first are all kept', () => {
  const hasher = new ChunkHasher({ chunkBytes: 1 });
  for (let index = 0; index < 5_000; index++) hasher.update(Buffer.from([index % 256]));

  const { chunks } = hasher.finish();

  expect(chunks).toHaveLength(5_000);
  expect([chunks.at(0), chunks.at(4_999)]).toEqual([
    sha256('\u0000'),
    createHash('sha256')
      .update(Buffer.from([4_999 % 256]))
      .digest('hex'),
  ]);
});
