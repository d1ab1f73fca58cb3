/** How the stored bytes of a part are cut into pieces, each of which has a hash of its own. */
export interface PieceSizes {
  /** Size of the first pieces, in bytes. */
  readonly chunkBytes: number;
  /** After each `every` pieces of one size it doubles, up to `mostBytes`. Absent: all pieces are of one size. */
  readonly chunkGrowth?: { readonly every: number; readonly mostBytes: number } | undefined;
}

/**
 * Small enough to tell where damage lies. They grow because the manifest holds their hashes, and a backup of 5 TiB would have
 * 1.3 million: so it has 172,544, which are 7.4 MB of JSON. The largest one is held in memory by who checks it.
 */
export const usualPieceSizes = {
  chunkBytes: 4 * 2 ** 20,
  chunkGrowth: { every: 4_096, mostBytes: 32 * 2 ** 20 },
} as const satisfies PieceSizes;

/** Size of piece `index`, from 0, unless it is the last one. */
export function pieceBytes({ chunkBytes, chunkGrowth }: PieceSizes, index: number): number {
  if (chunkGrowth === undefined) return chunkBytes;
  return Math.min(chunkGrowth.mostBytes, chunkBytes * 2 ** Math.floor(index / chunkGrowth.every));
}

const hashBytes = 32;
/** More hashes are written as one text: a hundred thousand small ones leave ten times their size in memory when they are read. */
const mostListed = 4_096;

/** SHA-256 of consecutive pieces. As texts they would take three times as much memory, in every manifest that is remembered. */
export class PieceHashes {
  /** One after the other. */
  readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** As manifests have them: a list in hexadecimal digits, or all of them in base64; undefined where the text is neither. */
  static parse(written: readonly string[] | string): PieceHashes | undefined {
    if (typeof written !== 'string') return PieceHashes.of(written);
    const bytes = Buffer.from(written, 'base64');
    const isWhole = bytes.length % hashBytes === 0 && bytes.toString('base64') === written;
    return isWhole ? new PieceHashes(bytes) : undefined;
  }

  /** Of hashes in hexadecimal digits. */
  static of(hashes: readonly string[]): PieceHashes {
    const bytes = Buffer.alloc(hashes.length * hashBytes);
    for (const [index, hash] of hashes.entries()) bytes.write(hash, index * hashBytes, 'hex');
    return new PieceHashes(bytes);
  }

  get length(): number {
    return this.bytes.length / hashBytes;
  }

  /** In hexadecimal digits; undefined where there is no such piece. */
  at(index: number): string | undefined {
    if (index < 0 || index >= this.length) return undefined;
    return this.bytes.toString('hex', index * hashBytes, (index + 1) * hashBytes);
  }

  toJSON(): string[] | string {
    if (this.length > mostListed) return this.bytes.toString('base64');
    return Array.from({ length: this.length }, (_, index) => this.at(index) ?? '');
  }
}
