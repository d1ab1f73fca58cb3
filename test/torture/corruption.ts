import { chainPrefix } from '../../src/jobs/proof-chain.ts';
import { sealedJson } from '../../src/jobs/sealed-json.ts';
import type { MemoryStore } from '../support/memory-store.ts';
import type { Random } from './random.ts';

/** Folders of a backup and of another one of the same database, whose objects are swapped in. */
export interface Victims {
  readonly store: MemoryStore;
  readonly folder: string;
  readonly other: string;
}

type Corrupt = (victims: Victims, random: Random) => void;

const storedPart = /\.zst(\.age)?$/;

/** What is done to which object. Names are those of the figures. */
export const corruptions: Readonly<Record<string, Corrupt>> = {
  'part: bit flipped': change(storedPart, flipBit),
  'part: truncated': change(storedPart, truncate),
  'part: emptied': change(storedPart, () => Buffer.alloc(0)),
  'part: bytes appended': change(storedPart, (bytes, random) =>
    Buffer.concat([bytes, Buffer.alloc(1 + random.whole(99))]),
  ),
  'part: range of zeros': change(storedPart, zeroRange),
  'part: swapped with that of another backup': swap(storedPart),
  'part: missing': remove(storedPart),
  'manifest: bit flipped': change(/manifest\.json$/, flipBit),
  'manifest: truncated': change(/manifest\.json$/, truncate),
  'manifest: swapped with that of another backup': swap(/manifest\.json$/),
  'manifest: missing': remove(/manifest\.json$/),
  'manifest: a figure changed': change(/manifest\.json$/, changeFigure),
  'manifest: hash of a part changed and sealed anew': change(/manifest\.json$/, reseal(changePart)),
  'manifest: a fact changed and sealed anew': change(/manifest\.json$/, reseal(changeFact)),
  'report: bit flipped': change(/verified-.*\.json$/, flipBit),
  'report: truncated': change(/verified-.*\.json$/, truncate),
  'report: swapped with that of another backup': swap(/verified-.*\.json$/),
  'report: a figure changed': change(/verified-.*\.json$/, changeFigure),
  'chain: report changed and sealed anew': change(/verified-.*\.json$/, resealReport),
  'chain: report missing': remove(/verified-.*\.json$/),
  'chain: link changed and sealed anew': inChain(change(/\.json$/, resealReport)),
  'chain: bit of a link flipped': inChain(change(/\.json$/, flipBit)),
  'chain: link missing': inChain(remove(/\.json$/)),
  'chain: links in each other’s place': inChain(exchange),
};

/** The only one that takes a whole restore to be found: it is not tried as often. */
export const costly = 'manifest: a fact changed and sealed anew';

/** The same done to the reports in the chain. */
function inChain(corrupt: Corrupt): Corrupt {
  return (victims, random) => corrupt({ ...victims, folder: chainPrefix('shop') }, random);
}

function exchange({ store, folder }: Victims): void {
  const [[first, one], [second, two]] = [...store.objects].filter(([key]) => key.startsWith(folder)) as [
    [string, { bytes: Buffer; modifiedAt: Date }],
    [string, { bytes: Buffer; modifiedAt: Date }],
  ];
  store.objects.set(first, two).set(second, one);
}

/** What somebody would do who wants to hide something. */
function resealReport(bytes: Buffer, random: Random): Buffer {
  const { sha256: _, ...report } = JSON.parse(bytes.toString());
  if (random.next() < 0.5) report.seconds.restore += 1;
  else report.notes.push('nothing to see here');
  return sealedJson(report);
}

type Edit = (bytes: Buffer, random: Random) => Buffer;

function change(name: RegExp, edit: Edit): Corrupt {
  return ({ store, folder }, random) => {
    const [key, object] = objectOf(store, folder, name, random);
    store.objects.set(key, { ...object, bytes: edit(object.bytes, random) });
  };
}

function remove(name: RegExp): Corrupt {
  return ({ store, folder }, random) => {
    const [key] = objectOf(store, folder, name, random);
    store.objects.delete(key);
  };
}

function swap(name: RegExp): Corrupt {
  return ({ store, folder, other }, random) => {
    const [key, object] = objectOf(store, folder, name, random);
    const [, foreign] = objectOf(store, other, name, random);
    store.objects.set(key, { ...object, bytes: foreign.bytes });
  };
}

function objectOf(store: MemoryStore, folder: string, name: RegExp, random: Random) {
  return random.one([...store.objects].filter(([key]) => key.startsWith(folder) && name.test(key)));
}

function flipBit(bytes: Buffer, random: Random): Buffer {
  const changed = Buffer.from(bytes);
  const at = random.whole(changed.length);
  changed[at] = (changed[at] ?? 0) ^ (1 << random.whole(8));
  return changed;
}

function truncate(bytes: Buffer, random: Random): Buffer {
  return bytes.subarray(0, random.whole(bytes.length));
}

function zeroRange(bytes: Buffer, random: Random): Buffer {
  const first = random.whole(bytes.length);
  const changed = Buffer.from(bytes);
  changed.fill(0, first, Math.min(changed.length, first + 1 + random.whole(4_096)));
  // Where there were zeros before nothing would have changed.
  return changed.equals(bytes) ? flipBit(bytes, random) : changed;
}

/** One digit becomes another one, so that the document stays well-formed. */
function changeFigure(bytes: Buffer, random: Random): Buffer {
  const digits = [...bytes.entries()].filter(([, byte]) => byte >= 0x31 && byte <= 0x38).map(([at]) => at);
  const changed = Buffer.from(bytes);
  const at = random.one(digits);
  changed[at] = (changed[at] ?? 0) + 1;
  return changed;
}

interface Sealed {
  parts: { sha256: string; sizeBytes: number; chunks: string[] }[];
  facts: { items: { name: string; value: string }[] };
  encryption?: object;
  details?: string;
}

function reseal(edit: (manifest: Sealed, random: Random) => void): Edit {
  return (bytes, random) => {
    const { sha256: _, ...manifest } = JSON.parse(bytes.toString());
    edit(manifest as Sealed, random);
    return sealedJson(manifest);
  };
}

function changePart({ parts }: Sealed, random: Random): void {
  const part = random.one(parts);
  const otherHash = (hash: string) => (hash.startsWith('0') ? '1' : '0') + hash.slice(1);
  if (random.next() < 0.3) part.sizeBytes += 1 + random.whole(9);
  else if (random.next() < 0.5) part.sha256 = otherHash(part.sha256);
  else part.chunks = part.chunks.map(otherHash);
}

/** Of an encrypted backup the facts are in the details. */
function changeFact(manifest: Sealed, random: Random): void {
  if (manifest.details !== undefined) {
    changeDetails(manifest, manifest.details, random);
    return;
  }
  const rows = manifest.facts.items.filter(({ name }) => name.startsWith('rows ') || name.startsWith('content '));
  const fact = random.one(rows);
  fact.value = String(BigInt(fact.value) + 1n + BigInt(random.whole(9)));
}

/** Changed, cut, or taken away: with the word that it was encrypted, nothing would be left to compare with. */
function changeDetails(manifest: Sealed, details: string, random: Random): void {
  const bytes = Buffer.from(details, 'base64');
  const kind = random.whole(4);
  if (kind === 0) manifest.details = flipBit(bytes, random).toString('base64');
  else if (kind === 1) manifest.details = truncate(bytes, random).toString('base64');
  else delete manifest.details;
  if (kind === 3) delete manifest.encryption;
}
