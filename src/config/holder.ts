import type { Clock } from '../core/clock.ts';
import { coerceError } from '../core/errors.ts';
import { metric, type Sample, sample } from '../core/metric.ts';
import { ServeOnce } from '../core/serve-once.ts';
import type { LoadResult } from './load.ts';
import type { LoadedConfig } from './loaded.ts';
import type { Problem } from './problem.ts';

const lastReloadSuccessful = metric({
  name: 'watchkeeper_config_last_reload_successful',
  type: 'gauge',
  help: '1 when the last reload of the configuration was taken over, 0 when it was refused and the old one runs on.',
  labels: [],
  source: 'the last reload',
  unit: 'boolean',
});

const lastReloadSuccess = metric({
  name: 'watchkeeper_config_last_reload_success_timestamp_seconds',
  type: 'gauge',
  help: 'When the running configuration was taken over, in seconds since 1970.',
  labels: [],
  source: 'the last reload that was taken over',
  unit: 'seconds',
});

export const configMetrics = [lastReloadSuccessful, lastReloadSuccess] as const;

export type ReloadResult =
  | { readonly ok: true; readonly warnings: readonly Problem[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

export interface ConfigHolder {
  readonly current: LoadedConfig;
  /** Reads the file again; anything wrong with it leaves the running configuration as it is. Never rejects. */
  reload(): Promise<ReloadResult>;
  readonly lastReload: { readonly ok: boolean; readonly successAt: Date };
  samples(): Sample[];
}

/**
 * Holds the running configuration. `apply` makes the program use a new one; when it throws, the old one stays. Reloads
 * that are asked for at the same time are one.
 */
export function createConfigHolder(given: {
  readonly initial: LoadedConfig;
  readonly load: () => Promise<LoadResult>;
  readonly apply: (next: LoadedConfig, previous: LoadedConfig) => Promise<void>;
  readonly clock: Clock;
}): ConfigHolder {
  const once = new ServeOnce<ReloadResult>();
  let current = given.initial;
  let lastReload = { ok: true, successAt: given.clock.now() };

  const take = async (loaded: LoadResult & { readonly ok: true }): Promise<ReloadResult> => {
    const previous = current;
    try {
      await given.apply(loaded.config, previous);
    } catch (error) {
      return { ok: false, problems: [wholeFile(`could not be taken over: ${coerceError(error).message}`)] };
    }
    current = loaded.config;
    return { ok: true, warnings: [...loaded.warnings, ...needRestart(previous, current)] };
  };

  return {
    get current() {
      return current;
    },
    get lastReload() {
      return lastReload;
    },
    reload: () =>
      once.run('reload', async () => {
        const loaded = await given.load();
        const result = loaded.ok ? await take(loaded) : loaded;
        lastReload = result.ok ? { ok: true, successAt: given.clock.now() } : { ...lastReload, ok: false };
        return result;
      }),
    samples: () => [
      sample(lastReloadSuccessful, lastReload.ok ? 1 : 0, {}),
      sample(lastReloadSuccess, lastReload.successAt.getTime() / 1_000, {}),
    ],
  };
}

/** What a running process cannot change. */
function needRestart(previous: LoadedConfig, next: LoadedConfig): Problem[] {
  const same = previous.listen.host === next.listen.host && previous.listen.port === next.listen.port;
  return same ? [] : [{ ...wholeFile('takes effect after a restart only'), path: 'listen' }];
}

function wholeFile(message: string): Problem {
  return { path: '', line: 0, column: 0, message };
}
