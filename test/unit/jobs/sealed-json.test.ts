import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { openSealedJson, sealedJson } from '../../../src/jobs/sealed-json.ts';

const document = { format: 'x/1', name: 'Größe "1"', list: [1, 2, { a: null }], empty: {} };

test('a document comes back as it was, without its seal', () => {
  expect(openSealedJson(sealedJson(document))).toEqual(document);
});

test('every single bit that changes is noticed', () => {
  const sealed = sealedJson(document);
  const unnoticed: number[] = [];
  for (let bit = 0; bit < sealed.length * 8; bit++) {
    const damaged = Buffer.from(sealed);
    damaged[bit >> 3] = (damaged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    if (!isNoticed(damaged)) unnoticed.push(bit);
  }

  expect(unnoticed).toEqual([]);
});

/** Refused, or with a key (what was `sha256`) that no schema of ours knows. */
function isNoticed(bytes: Buffer): boolean {
  try {
    const opened = openSealedJson(bytes) as object;
    return Object.keys(opened).some((key) => !(key in document));
  } catch {
    return true;
  }
}

test('every truncation is noticed', () => {
  const sealed = sealedJson(document);

  for (let length = 0; length < sealed.length; length++) {
    expect(() => openSealedJson(sealed.subarray(0, length))).toThrow();
  }
});

test('a value that was changed on purpose, with the old seal, is noticed', () => {
  const changed = sealedJson(document).toString().replace('x/1', 'x/2');

  expect(() => openSealedJson(Buffer.from(changed))).toThrow('its checksum is wrong');
});

test('a document of before there were seals is read', () => {
  expect(openSealedJson(Buffer.from(JSON.stringify(document)))).toEqual(document);
});

test('the seal is checked by two common programs', () => {
  const sealed = sealedJson(document);
  const stated = /"sha256": "(.*)"/.exec(sealed.toString())?.[1];

  const sum = execFileSync('sh', ['-c', 'head -n -2 | sha256sum'], { input: sealed, encoding: 'utf8' });

  expect(sum.split(' ')[0]).toBe(stated);
});
