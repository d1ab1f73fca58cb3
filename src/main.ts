import { main } from './cli.ts';

/** The program's entry: the first signal asks for an orderly end, the second one ends at once. */
const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) {
  process.on(name, () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort(new Error(`stopped by ${name}`));
  });
}
const terminal = { out: process.stdout, err: process.stderr };
process.exitCode = await main(process.argv.slice(2), { terminal, environment: process.env, signal: stop.signal });
// Whatever a library still holds open must not keep a finished program alive.
process.exit();
