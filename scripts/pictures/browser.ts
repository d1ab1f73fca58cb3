import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { findProgram } from '../../src/core/find-program.ts';
import { runProcess } from '../../src/core/run-process.ts';
import { makeWorkDirectory } from '../../src/core/work-directory.ts';
import type { Preview } from './preview.ts';

/** The distribution’s Chromium, or Chrome; undefined where neither is installed. */
export async function findBrowser(searchPath: string): Promise<string | undefined> {
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    const found = await findProgram(name, searchPath);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Draws a page into a PNG file, of 256 colours where pngquant is installed. Nothing of it is loaded from anywhere. */
export async function takePicture(browser: string, preview: Preview, file: string, signal: AbortSignal): Promise<void> {
  await using folder = await makeWorkDirectory({ prefix: 'watchkeeper-picture-' });
  const page = join(folder.path, 'page.html');
  await writeFile(page, preview.html);
  const args = [
    '--headless',
    // As root, in containers, there is no sandbox; the page is our own and loads nothing.
    '--no-sandbox',
    '--disable-gpu',
    '--hide-scrollbars',
    '--no-first-run',
    `--user-data-dir=${join(folder.path, 'profile')}`,
    `--window-size=${preview.width},${preview.height}`,
    `--screenshot=${file}`,
    pathToFileURL(page).href,
  ];
  await runProcess(browser, args, { signal, cwd: folder.path, env: { HOME: folder.path } });
  const shrink = await findProgram('pngquant', process.env['PATH'] ?? '');
  if (shrink !== undefined) await runProcess(shrink, ['--force', '--strip', '--output', file, '256', file], { signal });
}
