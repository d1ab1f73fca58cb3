/** Steps into the configuration: keys of mappings and indexes of lists. */
export type SettingPath = readonly (string | number)[];

/** A remark about one setting, before its place in the file is known. Messages never show values: they may be secret. */
export interface Remark {
  readonly path: SettingPath;
  readonly message: string;
}

/** Something wrong (or, as a warning, doubtful) at one place of the configuration file. */
export interface Problem {
  /** `targets.payments.url`; empty when it concerns the file as a whole. */
  readonly path: string;
  /** Counted from 1; 0 when the file could not be read at all. */
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

/** `targets.payments.databases[1]`; names that contain dots are quoted: `targets["a.b"].url`. */
export function formatPath(path: SettingPath): string {
  return path.reduce<string>((text, step) => {
    if (typeof step === 'number') return `${text}[${step}]`;
    if (/[.[\]"\s]/.test(step)) return `${text}[${JSON.stringify(step)}]`;
    return text === '' ? step : `${text}.${step}`;
  }, '');
}

/** One line, as compilers write it: `watchkeeper.yaml:12:5: targets.payments.url: is required`. */
export function formatProblem(file: string, problem: Problem): string {
  const place = problem.line === 0 ? file : `${file}:${problem.line}:${problem.column}`;
  return `${place}: ${problem.path === '' ? '' : `${problem.path}: `}${problem.message}`;
}
