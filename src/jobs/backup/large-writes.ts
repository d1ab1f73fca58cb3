import { runProcess, startProcess } from '../../core/run-process.ts';

/** A pipe takes that much at once. */
const writeKiB = 64;
const tryOutMs = 10_000;

type Environment = Readonly<Record<string, string>>;

const known = new Map<string, Promise<Environment>>();

/**
 * Variables with which `program` writes its standard output in pieces of 64 KiB instead of 4, by coreutils' `stdbuf`; none
 * where that cannot be had. What pg_dump writes goes through a pipe, and each piece costs a call and often a change of
 * process: with larger ones a dump of half a gigabyte takes a third less of their processor time. Tried once for each program.
 */
export function largeWrites(program: string, stdbuf = 'stdbuf'): Promise<Environment> {
  const environment = known.get(program) ?? tryOut(program, stdbuf);
  known.set(program, environment);
  return environment;
}

/** Variables instead of a command in front of the program: what fails is then still called by its own name. */
async function tryOut(program: string, stdbuf: string): Promise<Environment> {
  try {
    const signal = AbortSignal.timeout(tryOutMs);
    const printed = await runProcess(stdbuf, [`--output=${writeKiB}K`, 'env'], { signal });
    const env = Object.fromEntries(
      [...printed.matchAll(/^(LD_PRELOAD|_STDBUF_O)=(.+)$/gm)].map(([, name, value]) => [name, value]),
    );
    return (await runsSilently(program, { env, signal })) ? env : {};
  } catch {
    // Without it a dump takes longer; and what is wrong with the program the dump itself will show.
    return {};
  }
}

/** A library that does not fit the program is passed over by some loaders, with a complaint; others refuse to start it. */
async function runsSilently(
  program: string,
  options: { readonly env: Environment; readonly signal: AbortSignal },
): Promise<boolean> {
  let complaints = 0;
  const onStderrLine = () => {
    complaints++;
  };
  const running = startProcess(program, ['--version'], { ...options, onStderrLine });
  running.stdout.resume();
  await running.exited;
  return complaints === 0;
}
