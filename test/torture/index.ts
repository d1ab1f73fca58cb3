import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { parseArgs } from 'node:util';

/**
 * `npm run torture -- --rounds 1000 --kills 200 --seed 7`: the torture of test/integration/torture for longer. Prints the
 * figures; exit code 1 when anything was not as it must be.
 */
const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '1000' },
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});
for (const [name, value] of Object.entries(values)) {
  if (!/^\d+$/.test(value)) throw new Error(`--${name} must be a whole number`);
}
const child = spawn('vitest', ['run', '--project', 'integration', 'test/integration/torture'], {
  stdio: 'inherit',
  env: {
    ...process.env,
    TORTURE_ROUNDS: values.rounds,
    TORTURE_KILLS: values.kills,
    TORTURE_SEED: values.seed,
  },
});
const [code] = await once(child, 'exit');
process.exitCode = code ?? 1;
