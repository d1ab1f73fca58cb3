import type { EngineName } from '../../collectors/engines.ts';
import type { FindService } from '../../targets/libpq/parse-connection.ts';
import type { CustomQueries } from '../custom-queries.ts';
import type { Remark, SettingPath } from '../problem.ts';
import type { Reference } from '../references.ts';
import type { Config } from '../schema.ts';

/** What other parts know and the checks ask. */
export interface Knowledge {
  /** The families that the engine has. */
  readonly collectorNames: (engine: EngineName) => readonly string[];
  /** Why a cron expression or its zone is not valid; undefined when it is. */
  readonly scheduleProblem: (cron: string, timezone: string) => string | undefined;
}

export interface Remarks {
  readonly problems: Remark[];
  readonly warnings: Remark[];
}

/** What the checks look at: the sound part of the file, and the names that stand in it, sound or not. */
export interface Checked {
  readonly config: Config;
  readonly names: { readonly stores: readonly string[]; readonly sandboxes: readonly string[] };
  readonly references: ReadonlyMap<string, Reference>;
  readonly findService: FindService;
  readonly knowledge: Knowledge;
  /** Families that users wrote. */
  readonly customQueries: CustomQueries;
}

/** What a check looks at, and where it tells what it found. */
export interface Check extends Checked {
  problem(path: SettingPath, message: string): void;
  warning(path: SettingPath, message: string): void;
}
