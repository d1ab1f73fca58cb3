import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { boards } from '../../../scripts/dashboards/index.ts';
import { renderBoard } from '../../../scripts/dashboards/render-board.ts';
import { startProcess } from '../../../src/core/run-process.ts';
import { makeWorkDirectory } from '../../../src/core/work-directory.ts';

const root = join(import.meta.dirname, '../../..');

interface RenderedPanel {
  readonly type: string;
  readonly fieldConfig: { readonly defaults: { readonly custom: unknown } };
  readonly options: unknown;
  readonly targets: readonly unknown[];
}

/** The boards as constants of Grafana's own types: an unknown setting or value is an error of the compiler. */
function program(): string {
  const lines = [`import type * as G from ${JSON.stringify(join(root, 'test/support/grafana-types.ts'))};`];
  const declare = (type: string, value: unknown) =>
    lines.push(`export const c${lines.length}: ${type} = ${JSON.stringify(value)};`);
  for (const board of boards) {
    const { panels, annotations, ...rest } = JSON.parse(renderBoard(board));
    declare('G.Board', rest);
    for (const annotation of annotations.list) declare('G.Annotation', annotation);
    for (const panel of panels) declarePanel(panel, declare);
  }
  return lines.join('\n');
}

function declarePanel(panel: RenderedPanel, declare: (type: string, value: unknown) => void): void {
  if (panel.type === 'row') {
    declare('G.Row', panel);
    return;
  }
  const { fieldConfig, options, targets, ...rest } = panel;
  const { custom, ...defaults } = fieldConfig.defaults;
  declare('G.Panel', rest);
  declare('G.Defaults', defaults);
  declare(`G.Drawing['${panel.type}']`, custom);
  declare(`G.Options['${panel.type}']`, options);
  for (const target of targets) declare('G.Query', target);
}

async function errorsAgainst(schema: string, source: string): Promise<string[]> {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-test-schema-' });
  const installed = join(root, 'node_modules', schema);
  const compilerOptions = {
    target: 'esnext',
    module: 'esnext',
    moduleResolution: 'bundler',
    allowImportingTsExtensions: true,
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    // The types of the panels import the others by this name.
    paths: { '@grafana/schema': [installed], '@grafana/schema/*': [join(installed, '*')] },
  };
  await writeFile(join(folder.path, 'boards.ts'), source);
  await writeFile(join(folder.path, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['boards.ts'] }));
  const compiler = startProcess(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder.path], {
    signal: AbortSignal.timeout(60_000),
  });
  const said = Buffer.concat(await Array.fromAsync(compiler.stdout as AsyncIterable<Buffer>)).toString();
  await compiler.exited.catch(() => undefined);
  return said.split('\n').filter((line) => line !== '');
}

test.each(['@grafana/schema', 'grafana-schema-10'])(
  'every board and panel has the types of %s',
  async (schema) => {
    expect(await errorsAgainst(schema, program())).toEqual([]);
  },
  90_000,
);

test('what Grafana does not know is found', async () => {
  const source = program()
    .replace('"textMode":"value"', '"textMode":"loud"')
    .replace('"drawStyle":"line"', '"drawStile":"line"');

  const errors = await errorsAgainst('@grafana/schema', source);

  expect(errors.join('\n')).toMatch(/"loud".*\n.*drawStile/s);
}, 90_000);
