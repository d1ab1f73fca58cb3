import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { allSettings, renderConfigSchema } from '../../../scripts/generate-configuration-reference.ts';
import { generatedFiles } from '../../../scripts/generated-files.ts';

const root = new URL('../../../', import.meta.url);

test.each(Object.keys(generatedFiles))('%s is what "npm run generate" writes', async (name) => {
  const committed = await readFile(new URL(name, root), 'utf8');

  expect(committed).toBe(generatedFiles[name]?.());
});

test('every setting has a description', () => {
  const undescribed = allSettings().filter(({ schema }) => (schema.description ?? '') === '');

  expect(undescribed.map(({ path }) => path)).toEqual([]);
});

test('the settings of every part are among those described', () => {
  const paths = allSettings().map(({ path }) => path);

  expect(paths).toEqual(
    expect.arrayContaining([
      'listen',
      'scrape.timeout',
      'stores.NAME (type: s3).bucket',
      'sandboxes.NAME (type: server).url',
      'targets.NAME (engine: postgres).watch.slowQueryThreshold',
      'targets.NAME (engine: postgres).backups.NAME.keep.within',
      'targets.NAME (engine: postgres).backups.NAME.verify.assertions[].sql',
    ]),
  );
});

test('defaults of durations are shown as they are written, not in milliseconds', () => {
  const defaults = Object.fromEntries(allSettings().map(({ path, schema }) => [path, schema.default]));

  expect(defaults['scrape.timeout']).toBe('9500ms');
  expect(defaults['jobs.leftoverGrace']).toBe('1d');
});

test('the schema for editors lets a reference stand where a number or a choice belongs', () => {
  const schema = JSON.parse(renderConfigSchema());

  expect(schema.properties.jobs.properties.concurrency).toEqual({
    description: 'Backups and proofs under way at once, over all targets.',
    default: 2,
    anyOf: [
      { type: 'integer', minimum: 1, maximum: 32 },
      { type: 'string', pattern: '\\$\\{' },
    ],
  });
});
