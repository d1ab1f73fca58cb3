import { spawn } from 'node:child_process';
import { Readable, Writable } from 'node:stream';
import { errorMessage } from './errors.ts';

/** A program that ended badly; carries what an operator needs to see why. */
export class ProcessFailed extends Error {
  override readonly name = 'ProcessFailed';
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stderr: string;

  constructor(program: string, end: { code: number | null; signal: NodeJS.Signals | null; stderr: string }) {
    const how = end.signal === null ? `exited with code ${end.code}` : `was ended by ${end.signal}`;
    const why = end.stderr.trim();
    super(`${program} ${how}${why === '' ? '' : `: ${why}`}`);
    this.exitCode = end.code;
    this.signal = end.signal;
    this.stderr = end.stderr;
  }
}

/** The program is not there: the message says which one was looked for. */
export class ProgramMissing extends Error {
  override readonly name = 'ProgramMissing';
}

export interface ProcessOptions {
  readonly signal: AbortSignal;
  /** Added to a small safe environment; secrets go here, never into the arguments. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Run as this user: PostgreSQL's server programs refuse to be run by root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  readonly stdin?: 'pipe' | 'ignore';
  /**
   * `stdin` of a program started before: what this one writes goes straight there, through the kernel, and our own copy of
   * that input is closed. `stdout` is then empty.
   */
  readonly into?: Writable;
  /** Descriptor of an open file that the program writes to, from where it stands; `stdout` is then empty. It stays ours to close. */
  readonly intoFile?: number | undefined;
  /** Called with each line of standard error (pg_dump -v tells its progress there). */
  readonly onStderrLine?: (line: string) => void;
  /** Lines of standard error that say nothing about a failure: kept out of {@link ProcessFailed}. */
  readonly stderrNoise?: RegExp;
}

export interface RunningProcess {
  readonly stdin: Writable | null;
  readonly stdout: Readable;
  readonly pid: number | undefined;
  /**
   * Resolves once the program exited with 0; rejects with {@link ProcessFailed} or {@link ProgramMissing} otherwise, or
   * with the signal's reason when it was aborted. An end of `stdout` says nothing: wait for this.
   */
  readonly exited: Promise<void>;
}

const stderrTailBytes = 8_192;
const killGraceMs = 5_000;

/** Starts a program without a shell. Past an abort it gets SIGTERM, and SIGKILL five seconds later. */
export function startProcess(program: string, args: readonly string[], options: ProcessOptions): RunningProcess {
  options.signal.throwIfAborted();
  const child = spawn(program, args, {
    env: { ...inheritedEnvironment(), ...options.env },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(options.user === undefined ? {} : options.user),
    stdio: [options.stdin ?? 'ignore', options.into ?? options.intoFile ?? 'pipe', 'pipe'],
  });
  options.into?.destroy();
  const tail = new StderrTail(options);
  child.stderr?.on('data', (chunk: Buffer) => tail.add(chunk));
  // A program that ends early closes its input; the exit code tells, EPIPE only repeats it.
  child.stdin?.on('error', () => undefined);

  let kill: NodeJS.Timeout | undefined;
  const onAbort = () => {
    child.kill('SIGTERM');
    kill = setTimeout(() => child.kill('SIGKILL'), killGraceMs);
    kill.unref();
  };
  options.signal.addEventListener('abort', onAbort, { once: true });

  const exited = new Promise<void>((resolve, reject) => {
    child.once('error', (error) => reject(startError(program, error)));
    child.once('close', (code, signal) => {
      if (options.signal.aborted) reject(options.signal.reason);
      else if (code === 0) resolve();
      else reject(new ProcessFailed(program, { code, signal, stderr: tail.text() }));
    });
  }).finally(() => {
    clearTimeout(kill);
    options.signal.removeEventListener('abort', onAbort);
  });
  // The caller awaits `exited` after the streams; a failure before that must not count as unhandled.
  exited.catch(() => undefined);
  const stdin = child.stdin ?? (options.stdin === 'pipe' ? closed() : null);
  return { stdin, stdout: child.stdout ?? Readable.from([]), pid: child.pid, exited };
}

/** Without a descriptor left there is no program and no pipe to it: `exited` tells, whoever writes need not. */
function closed(): Writable {
  return new Writable().destroy();
}

/** Runs a program to its end and returns what it wrote to standard output (64 MiB at most). */
export async function runProcess(program: string, args: readonly string[], options: ProcessOptions): Promise<string> {
  const running = startProcess(program, args, options);
  const chunks: Buffer[] = [];
  let bytes = 0;
  running.stdout.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= 64 * 2 ** 20) chunks.push(chunk);
  });
  await running.exited;
  return Buffer.concat(chunks).toString('utf8');
}

function startError(program: string, error: Error): Error {
  const missing = 'code' in error && error.code === 'ENOENT';
  return missing
    ? new ProgramMissing(`program ${program} is not installed`, { cause: error })
    : new Error(`starting ${program}: ${errorMessage(error)}`, { cause: error });
}

/** PG* variables of the daemon's own environment must not redirect the programs it starts. */
function inheritedEnvironment(): Record<string, string> {
  const { PATH, TZ, TMPDIR } = process.env;
  return {
    PATH: PATH ?? '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    ...(TZ === undefined ? {} : { TZ }),
    ...(TMPDIR === undefined ? {} : { TMPDIR }),
  };
}

class StderrTail {
  #tail = '';
  #partialLine = '';
  readonly #options: Pick<ProcessOptions, 'onStderrLine' | 'stderrNoise'>;

  constructor(options: Pick<ProcessOptions, 'onStderrLine' | 'stderrNoise'>) {
    this.#options = options;
  }

  add(chunk: Buffer): void {
    const text = chunk.toString('utf8');
    this.#tail = (this.#tail + text).slice(-stderrTailBytes);
    const { onStderrLine } = this.#options;
    if (onStderrLine === undefined) return;
    const lines = (this.#partialLine + text).split('\n');
    this.#partialLine = lines.pop() ?? '';
    for (const line of lines) onStderrLine(line);
  }

  text(): string {
    const { stderrNoise } = this.#options;
    if (stderrNoise === undefined) return this.#tail;
    const telling = this.#tail.split('\n').filter((line) => !stderrNoise.test(line));
    return telling.join('\n');
  }
}
