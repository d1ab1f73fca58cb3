import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { addRelease, parseFragment } from '../../../scripts/changelog-fragments.ts';

const root = join(import.meta.dirname, '../../..');

test('every change that is not released yet is well formed', async () => {
  const folder = join(root, 'changes/unreleased');

  for (const name of await readdir(folder)) {
    expect(parseFragment(name, await readFile(join(folder, name), 'utf8')).title).not.toBe('');
  }
});

test.each([
  ['an unknown kind', 'Improved: something'],
  ['no title', 'Fixed:'],
  ['a full stop at the end', 'Fixed: something.'],
  ['text without an empty line before', 'Fixed: something\nmore'],
])('a change with %s is refused by its name', (_, content) => {
  expect(() => parseFragment('change.md', content)).toThrow('change.md: the ');
});

test('a release lists its changes by kind, above the releases before', () => {
  const before = '# Changes\n\n<!-- releases -->\n\n## 1.0.0 (2026-01-01)\n';
  const fragments = [
    parseFragment('a.md', 'Fixed: a $& in a name\n'),
    parseFragment('b.md', 'Added: proofs of everything\n\nOne line.\n\nAnother one.\n'),
  ];

  const after = addRelease(before, { version: '1.1.0', date: '2026-02-03', fragments });

  expect(after).toBe(`# Changes

<!-- releases -->

## 1.1.0 (2026-02-03)

### Added

- **proofs of everything.**
  One line.

  Another one.

### Fixed

- **a $& in a name.**

## 1.0.0 (2026-01-01)
`);
});

test('a release without changes, and a changelog without its mark, are refused', () => {
  const release = { version: '1.1.0', date: '2026-02-03' };
  const fragments = [parseFragment('a.md', 'Fixed: something')];

  expect(() => addRelease('<!-- releases -->', { ...release, fragments: [] })).toThrow('no change');
  expect(() => addRelease('# Changes', { ...release, fragments })).toThrow('<!-- releases -->');
});
