import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { earlyDisposals } from '../../support/early-disposal.ts';

const root = join(import.meta.dirname, '../../..');

test('no promise is returned unawaited out of a block that holds something', { timeout: 120_000 }, () => {
  expect(earlyDisposals(join(root, 'tsconfig.json'), root)).toEqual([]);
});

const sample = `
declare function open(): Promise<AsyncDisposable>;
declare function read(): Promise<number>;
declare const lock: Disposable;

export async function early() {
  await using held = await open();
  return read();
}
export async function earlyInside(deep: boolean) {
  using held = lock;
  if (deep) {
    return deep ? read() : 0;
  }
  return 1;
}
export const earlyArrow = async () => {
  await using held = await open();
  return read().then(String);
};
export class Reader {
  async earlyMethod() {
    await using held = await open();
    try {
      return read();
    } finally {
      void held;
    }
  }
}

export async function awaited() {
  await using held = await open();
  return await read();
}
export async function notHeldYet() {
  if (Math.random() < 0.5) return read();
  await using held = await open();
  return 1;
}
export async function heldElsewhere() {
  {
    await using held = await open();
  }
  return read();
}
export async function ofAnother() {
  await using held = await open();
  return { later: () => read(), then: undefined, more() { return read(); } };
}
export async function plain() {
  const held = 1;
  return read();
}
`;

test('what is returned too early is found by its type, wherever it is; nothing else is', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-early-' });
  const config = {
    compilerOptions: { strict: true, target: 'esnext', lib: ['esnext'], types: [] },
    files: ['sample.ts'],
  };
  await writeFile(join(folder.path, 'tsconfig.json'), JSON.stringify(config));
  await writeFile(join(folder.path, 'sample.ts'), sample);

  const found = earlyDisposals(join(folder.path, 'tsconfig.json'), folder.path);

  expect(found).toEqual([
    'sample.ts:8 return read();',
    'sample.ts:13 return deep ? read() : 0;',
    'sample.ts:19 return read().then(String);',
    'sample.ts:25 return read();',
  ]);
});
