import { formatPath, type Remark, type SettingPath } from './problem.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A text of the file that was filled in from the environment. */
export interface Reference {
  readonly path: SettingPath;
  /** As it stands in the file. */
  readonly written: string;
  /** `${PAYMENTS_PASSWORD}`; what may be shown of it. */
  readonly origin: string;
}

export interface FilledIn {
  readonly data: unknown;
  /** By {@link formatPath} of where they stand. */
  readonly references: ReadonlyMap<string, Reference>;
  readonly problems: readonly Remark[];
}

const pattern = /\$\$|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{/g;

/**
 * Fills `${NAME}` and `${NAME:-default}` in every text (not in keys); `$$` stands for one `$`. A variable that is not
 * set, or empty without a default, is a problem. A setting that is nothing but a reference with a default and comes out
 * empty counts as left out, so that `endpoint: ${S3_ENDPOINT:-}` can be an option of the deployment.
 */
export function fillInReferences(data: unknown, environment: Environment): FilledIn {
  const references = new Map<string, Reference>();
  const problems: Remark[] = [];

  const fillText = (written: string, path: SettingPath): string | undefined => {
    const names: string[] = [];
    const text = written.replace(pattern, (match, name?: string, hasDefault?: string, fallback = '') => {
      if (match === '$$') return '$';
      if (name === undefined) {
        problems.push({ path, message: 'has "${" without a name; write ${NAME}, ${NAME:-default}, or $${ for itself' });
        return match;
      }
      names.push(name);
      const value = environment[name];
      if (value !== undefined && value !== '') return value;
      if (hasDefault === undefined) problems.push({ path, message: missing(name, value) });
      return fallback;
    });
    if (names.length === 0) return text;
    const origin = [...new Set(names)].map((name) => `\${${name}}`).join(' ');
    references.set(formatPath(path), { path, written, origin });
    return text === '' && written.includes(':-') ? undefined : text;
  };

  const fill = (value: unknown, path: SettingPath): unknown => {
    if (typeof value === 'string') return fillText(value, path);
    if (Array.isArray(value)) {
      return value.map((item, index) => fill(item, [...path, index]) ?? '');
    }
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value).map(([key, item]) => [key, fill(item, [...path, key])] as const);
    return Object.fromEntries(entries.filter(([, item]) => item !== undefined));
  };

  return { data: fill(data, []), references, problems };
}

function missing(name: string, value: string | undefined): string {
  return value === undefined
    ? `environment variable ${name} is not set`
    : `environment variable ${name} is empty; write \${${name}:-} where nothing is meant`;
}
