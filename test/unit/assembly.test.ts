import { spawnSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assemble } from '../../src/assembly.ts';
import { readConfig } from '../../src/config/load.ts';
import { systemClock } from '../../src/core/clock.ts';
import { ownerTag } from '../../src/core/owner-tag.ts';
import { makeWorkDirectory } from '../../src/core/work-directory.ts';
import { recordingLog } from '../support/recording-log.ts';

test('parts that a killed process left in the spool of a store are removed at the next start', async () => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-spool-' });
  const { pid } = spawnSync(process.execPath, ['--version']);
  const ofDead = `watchkeeper-parts-${(await ownerTag()).replace(/\d+$/, String(pid))}-abcdef`;
  const ofLiving = `watchkeeper-parts-${await ownerTag()}-abcdef`;
  for (const name of [ofDead, ofLiving, 'watchkeeper-parts-of-nobody']) await mkdir(join(folder.path, name));
  const text = `stores: { offsite: { type: s3, bucket: b, spoolDirectory: "${folder.path}" } }`;
  const knowledge = { collectorNames: () => [], scheduleProblem: () => undefined };
  const loaded = readConfig(text, { file: '/etc/w.yaml', environment: {}, knowledge });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));

  const { signal } = new AbortController();
  await using _assembly = await assemble(loaded.config, {
    clock: systemClock,
    signal,
    log: recordingLog().log,
    searchPath: '',
  });

  expect((await readdir(folder.path)).toSorted()).toEqual([ofLiving, 'watchkeeper-parts-of-nobody'].toSorted());
});
