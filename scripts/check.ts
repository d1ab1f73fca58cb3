import { checkStep, type Step, staticChecks } from './step.ts';

/** `npm run check`: everything that needs no server, under a minute. Further arguments are ignored. */
const unitTests: Step = { name: 'unit tests', command: ['vitest', 'run', '--project', 'unit', '--reporter=dot'] };

const failed: string[] = [];
for (const step of [...staticChecks, unitTests]) {
  if ((await checkStep(step)) === 'failed') failed.push(step.name);
}
console.log(failed.length === 0 ? 'all checks passed' : `failed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
