import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { CycleReport } from '../../../src/commands/demo/cycle-report.ts';

const program = join(import.meta.dirname, '../../../bin/watchkeeper');

/** The program as people start it, and what it has printed so far. */
interface RunningDemo {
  readonly child: ChildProcess;
  readonly ended: Promise<number | null>;
  printed(): string;
}

function startDemo(...args: string[]): RunningDemo {
  const child = spawn(program, ['demo', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (text += chunk));
  onTestFinished(() => void child.kill('SIGKILL'));
  return { child, ended: new Promise((resolve) => child.once('close', resolve)), printed: () => text };
}

/** Waits until the demo prints `text`, or ends the test with what it printed instead. */
async function untilPrinted(demo: RunningDemo, text: string): Promise<void> {
  await expect.poll(demo.printed, { timeout: 90_000, interval: 50 }).toContain(text);
}

/** Folders carry the id of the process that made them; a server writes in its own as long as it lives. */
async function leftBy(demo: RunningDemo): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.includes(`-${demo.child.pid}-`));
}

test('one cycle proves all four databases, says so in a report and exits with 0', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-test-demo-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const reportFile = join(folder, 'report.json');

  const demo = startDemo('--once', '--report', reportFile);
  const exitCode = await demo.ended;

  expect(exitCode, demo.printed()).toBe(0);
  const report = JSON.parse(await readFile(reportFile, 'utf8')) as CycleReport;
  expect(report.proven).toBe(true);
  expect(report.scrape.targets).toMatchObject([
    { target: 'primary', up: true, failedFamilies: [] },
    { target: 'standby', up: true, failedFamilies: [] },
  ]);
  const databases = ['auth_db', 'payments_db', 'admin_db', 'profile_db'];
  const ofKind = (kind: string) => report.runs.filter(({ job }) => job === kind).map(({ database }) => database);
  expect(ofKind('backup')).toEqual(databases);
  expect(ofKind('verify')).toEqual(databases);
  expect(report.retention.map(({ database, decisions }) => [database, decisions.length])).toEqual(
    databases.map((name) => [name, 1]),
  );
  expect(await leftBy(demo)).toEqual([]);
});

test('the demo goes on until it is told to stop, serves metrics meanwhile, and leaves nothing behind', async () => {
  const demo = startDemo();
  await untilPrinted(demo, 'Ctrl-C ends everything');
  const [url] = /http:\/\/127\.0\.0\.1:\d+(?=\/metrics)/.exec(demo.printed()) ?? [];
  await untilPrinted(demo, 'proven     auth_db');

  const page = await (await fetch(`${url}/metrics`)).text();
  demo.child.kill('SIGTERM');
  const exitCode = await demo.ended;

  expect(page).toMatch(/^pg_up\{target="primary"\} 1$/m);
  expect(page).toMatch(/^pg_up\{target="standby"\} 1$/m);
  expect(exitCode, demo.printed()).toBe(0);
  expect(await leftBy(demo)).toEqual([]);
});

test('a second Ctrl-C ends the demo at once, and still nothing is left behind', async () => {
  const demo = startDemo();
  await untilPrinted(demo, 'Ctrl-C ends everything');

  demo.child.kill('SIGINT');
  await untilPrinted(demo, 'stopping');
  demo.child.kill('SIGINT');
  const exitCode = await demo.ended;

  expect([0, 130]).toContain(exitCode);
  expect(await leftBy(demo)).toEqual([]);
});

test('a signal in the middle of the set-up takes back what was set up', async () => {
  const demo = startDemo();
  await untilPrinted(demo, 'making four databases');

  demo.child.kill('SIGTERM');
  const exitCode = await demo.ended;

  expect(exitCode, demo.printed()).toBe(130);
  expect(await leftBy(demo)).toEqual([]);
});

test('a report is about one cycle: without --once it is refused', async () => {
  const demo = startDemo('--report', 'somewhere.json');

  const exitCode = await demo.ended;

  expect(exitCode).toBe(2);
  expect(demo.printed()).toContain('--report needs --once');
});
