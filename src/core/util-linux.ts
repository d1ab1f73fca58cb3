import { access, constants } from 'node:fs/promises';

/** A program and what it is started with. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/**
 * On Linux the kernel ends the program with this signal when we die, even by SIGKILL: nothing of ours runs on without us.
 * `setpriv` belongs to util-linux, which every distribution has; elsewhere the program is started plainly.
 */
export async function withParentDeathSignal(signal: 'QUIT' | 'TERM', { program, args }: Command): Promise<Command> {
  const setpriv = '/usr/bin/setpriv';
  if (!(await isExecutable(setpriv))) return { program, args };
  return { program: setpriv, args: ['--pdeathsig', signal, program, ...args] };
}

/**
 * No process of the program gets more memory of its own than so much; plainly where there is no `prlimit` of util-linux. Of its
 * limits this one leaves shared memory alone; PostgreSQL answers with an error.
 */
export async function withMemoryLimit(command: Command, processBytes: number | undefined): Promise<Command> {
  const prlimit = '/usr/bin/prlimit';
  if (processBytes === undefined || !(await isExecutable(prlimit))) return command;
  return { program: prlimit, args: [`--data=${processBytes}`, '--', command.program, ...command.args] };
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
