import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { root } from './compose.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  readonly [field: string]: unknown;
}

export const kubernetes = join(root, 'deploy/kubernetes');

/** The manifests of all files in `deploy/kubernetes`, those of each file in its order. */
export async function readManifests(): Promise<Manifest[]> {
  const names = (await readdir(kubernetes)).filter((name) => name.endsWith('.yaml')).sort();
  const texts = await Promise.all(names.map((name) => readFile(join(kubernetes, name), 'utf8')));
  return texts.flatMap(documentsOf);
}

export function documentsOf(text: string): Manifest[] {
  return parseAllDocuments(text).map((document) => {
    const [error] = document.errors;
    if (error !== undefined) throw error;
    return document.toJS() as Manifest;
  });
}

/** Where the models have a kind: `apps/v1` → `kubernetes-models/apps/v1`. */
const modelOf = ({ apiVersion, kind }: Manifest) => {
  const base = apiVersion.startsWith('monitoring.coreos.com/')
    ? '@kubernetes-models/prometheus-operator'
    : 'kubernetes-models';
  return `${base}/${apiVersion}/${kind}`;
};

interface Model {
  validate(): void;
}

/** What the published schema of a manifest's kind has against its values; undefined when nothing. Unknown fields pass. */
export async function valueProblem(manifest: Manifest): Promise<string | undefined> {
  const module = (await import(modelOf(manifest))) as Record<string, new (data: unknown) => Model>;
  const model = module[manifest.kind];
  if (model === undefined) throw new Error(`no model of ${manifest.kind}`);
  try {
    new model(manifest).validate();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/**
 * Fields that a kind does not have, which the schema lets pass, and missing ones: the compiler finds them, since the
 * manifests are object literals of the models' types. `folder` is empty and gets what it needs.
 */
export async function fieldProblems(
  manifests: readonly Manifest[],
  folder: string,
  signal: AbortSignal,
): Promise<string[]> {
  await mkdir(folder, { recursive: true });
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'));
  const lines = manifests.map((manifest, at) => {
    const type = `I${manifest.kind}`;
    return `import type { ${type} as T${at} } from '${modelOf(manifest)}';\nexport const manifest${at}: T${at} = ${JSON.stringify(manifest)};\n`;
  });
  await writeFile(join(folder, 'manifests.ts'), lines.join('\n'));
  await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
  await writeFile(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: { module: 'nodenext', strict: true, noEmit: true, skipLibCheck: true, types: [], pretty: false },
      include: ['manifests.ts'],
    }),
  );
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  const said = await promisify(execFile)(process.execPath, [compiler, '-p', folder], { signal }).then(
    ({ stdout }) => stdout,
    (error: { stdout?: string }) => error.stdout ?? String(error),
  );
  return said.split('\n').filter((line) => line !== '' && !line.startsWith(' '));
}
