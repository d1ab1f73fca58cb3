import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { generatedFiles } from './generated-files.ts';

/** `node scripts/generate.ts` writes what is generated; with `--check` it only says what is stale, and exits 1 then. */
const root = new URL('../', import.meta.url);
const onlyCheck = process.argv.includes('--check');
const stale: string[] = [];

for (const [name, render] of Object.entries(generatedFiles)) {
  const path = fileURLToPath(new URL(name, root));
  const wanted = render();
  const present = await readFile(path, 'utf8').catch(() => undefined);
  if (present === wanted) continue;
  stale.push(name);
  if (!onlyCheck) await writeFile(path, wanted);
}

if (stale.length > 0) console.log(`${onlyCheck ? 'stale' : 'written'}: ${stale.join(', ')}`);
if (onlyCheck && stale.length > 0) {
  console.error('run "npm run generate" and commit the result');
  process.exitCode = 1;
}
