import { join } from 'node:path';
import { runProcess } from '../../src/core/run-process.ts';

/** Podman with images and containers of its own, in a folder; what else the machine has is neither seen nor touched. */
export class Podman {
  readonly #folder: string;
  readonly #signal: AbortSignal;

  constructor(folder: string, signal: AbortSignal) {
    this.#folder = folder;
    this.#signal = signal;
  }

  /** Runs `podman …` to its end and gives what it printed; throws with what it complained about. */
  async run(args: readonly string[]): Promise<string> {
    const own = ['--root', join(this.#folder, 'storage'), '--runroot', join(this.#folder, 'run')];
    const podman = ['podman', ...own, '--cgroup-manager=cgroupfs', ...args];
    // Where a machine has both versions of control groups, the runtime refuses: it is shown the older one alone.
    const hideSecond = 'umount /sys/fs/cgroup/unified 2>/dev/null; exec "$@"';
    return await runProcess('unshare', ['--mount', 'sh', '-c', hideSecond, 'sh', ...podman], {
      signal: this.#signal,
      env: { HOME: this.#folder },
    });
  }

  /** What every container here is started with: nothing pulled, and no more open files than any machine allows. */
  async start(name: string, options: readonly string[], image: string, command: readonly string[] = []): Promise<void> {
    const limits = ['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096'];
    // Podman leaves checking of health to systemd, which need not be there: we ask ourselves.
    const usual = ['--detach', '--pull', 'never', '--no-healthcheck', ...limits];
    await this.run(['run', ...usual, '--name', name, ...options, image, ...command]);
  }

  async exec(name: string, command: readonly string[], options: readonly string[] = []): Promise<string> {
    return await this.run(['exec', ...options, name, ...command]);
  }

  /** Those started last first: one whose network others use cannot go before them. */
  async removeAll(): Promise<void> {
    const newestFirst = (await this.run(['ps', '--all', '--quiet', '--sort', 'created'])).trim().split('\n').reverse();
    for (const id of newestFirst.filter((line) => line !== '')) {
      await this.run(['rm', '--force', '--volumes', '--time', '0', id]);
    }
  }
}
