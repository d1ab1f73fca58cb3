import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, expect, test } from 'vitest';
import { runProcess } from '../../../src/core/run-process.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';
import { deploy, readCompose } from '../../support/compose.ts';
import { testSignal } from '../../support/test-context.ts';

const program = join(import.meta.dirname, '../../../.cache/bin/compose-go');
beforeEach(({ skip }) => skip(!existsSync(program), 'compose-go could not be built by scripts/setup'));

/** Reads a file as Compose does, by its schema and with variables filled in. */
async function read(file: string): Promise<{ readonly services: Readonly<Record<string, unknown>> }> {
  return JSON.parse(await runProcess(program, ['-format', 'json', file], { signal: testSignal() })) as {
    services: Record<string, unknown>;
  };
}

test('the reference reader of Compose files accepts ours, and finds the services in it', async () => {
  const compose = await readCompose();

  const { services } = await read(join(deploy, 'compose.yaml'));

  expect(Object.keys(services).sort()).toEqual(Object.keys(compose.services).sort());
});

test.each([
  ['stop_grace_period: 60s', 'stop_grace_time: 60s', /stop_grace_time/],
  ['read_only: true', 'read_only: "perhaps"', /read_only/],
  ['profiles: [demo]', 'profile: [demo]', /profile/],
  ['    volumes:\n      - ./prometheus', '    volumes:\n      - from: ./prometheus', /volumes/],
])('it refuses the file when "%s" becomes "%s"', async (right, wrong, complaint) => {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-compose-' });
  const file = join(folder.path, 'compose.yaml');
  const text = await readFile(join(deploy, 'compose.yaml'), 'utf8');
  expect(text).toContain(right);
  await writeFile(file, text.replace(right, wrong));

  await expect(read(file)).rejects.toThrow(complaint);
});
