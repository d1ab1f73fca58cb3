import { setTimeout as delay } from 'node:timers/promises';
import { type CommandLine, startCommand } from './command-line.ts';

/** A daemon as its own process. Disposing ends it by SIGTERM. */
export interface TestDaemon extends AsyncDisposable {
  readonly command: CommandLine;
  readonly url: string;
  /** Lines of its log, parsed. */
  log(): readonly Readonly<Record<string, unknown>>[];
  /** Resolves with the first line of the log that fits; rejects when the daemon ends or a minute has passed. */
  untilLogged(
    what: string,
    fits: (line: Readonly<Record<string, unknown>>) => boolean,
  ): Promise<Readonly<Record<string, unknown>>>;
  get(
    path: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ readonly status: number; readonly text: string }>;
}

/** Starts `watchkeeper run` and waits until it listens. */
export async function startDaemon(
  config: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<TestDaemon> {
  const command = startCommand([...config, 'run'], env);
  const log = () =>
    command
      .err()
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  const untilLogged: TestDaemon['untilLogged'] = async (what, fits) => {
    let ended: unknown;
    void command.exited.then((end) => {
      ended = end;
    });
    for (let attempt = 0; attempt < 1_200; attempt++) {
      const line = log().find(fits);
      if (line !== undefined) return line;
      if (ended !== undefined) throw new Error(`the daemon ended with ${ended} before: ${what}\n${command.err()}`);
      await delay(50);
    }
    throw new Error(`not logged within a minute: ${what}\n${command.err()}`);
  };
  const { url } = await untilLogged('start', ({ msg }) => msg === 'watchkeeper is running');
  return {
    command,
    url: String(url),
    log,
    untilLogged,
    async get(path, headers = {}) {
      const answer = await fetch(`${url}${path}`, { headers });
      return { status: answer.status, text: await answer.text() };
    },
    async [Symbol.asyncDispose]() {
      command.child.kill('SIGTERM');
      await command.exited;
    },
  };
}
