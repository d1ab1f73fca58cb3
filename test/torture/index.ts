import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

/**
 * `npm run torture -- --rounds 1000 --kills 200 --seed 7`: the torture of test/integration/torture for longer, and every fault of
 * a store at each of its calls (`--faults one`: one at each). Prints the figures; exit code 1 when anything was not as it must be.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    faults: { type: 'string', default: 'all' },
  },
});
const { faults, ...numbers } = values;
if (!['one', 'all'].includes(faults)) throw new Error('--faults must be one or all');
for (const [name, value] of Object.entries(numbers)) {
  if (!/^\d+$/.test(value)) throw new Error(`--${name} must be a whole number`);
}
const tests = ['test/integration/torture', 'test/integration/jobs/store-faults'];
const child = spawn('vitest', ['run', '--project', 'integration', ...tests], {
  stdio: 'inherit',
  env: {
    ...process.env,
    TORTURE_ROUNDS: values.rounds,
    TORTURE_KILLS: values.kills,
    TORTURE_SEED: values.seed,
    TORTURE_FAULTS: faults,
  },
});
const [code] = await once(child, 'exit');
process.exitCode = code ?? 1;
