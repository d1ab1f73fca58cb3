export type CheckStatus = 'ok' | 'warning' | 'error';

/** One thing that was looked at. An error keeps something that is configured from working, a warning does not. */
export interface CheckFinding {
  /** `target payments`, `database auth_db of target payments`, `store offsite`, `sandbox local`, `programs`. */
  readonly subject: string;
  readonly status: CheckStatus;
  readonly message: string;
  /** What to do about it: a command, a statement or a setting. */
  readonly remedy?: string;
}

/** Findings about one subject. */
export interface Findings {
  readonly all: readonly CheckFinding[];
  ok(message: string): void;
  warning(message: string, remedy?: string): void;
  error(message: string, remedy?: string): void;
}

export function findingsAbout(subject: string): Findings {
  const all: CheckFinding[] = [];
  const add = (status: CheckStatus, message: string, remedy?: string): void => {
    all.push({ subject, status, message, ...(remedy === undefined ? {} : { remedy }) });
  };
  return {
    all,
    ok: (message) => add('ok', message),
    warning: (message, remedy) => add('warning', message, remedy),
    error: (message, remedy) => add('error', message, remedy),
  };
}
