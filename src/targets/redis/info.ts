/** What INFO answered: fields by name, whatever section they stand in. */
export class Info {
  readonly #fields: ReadonlyMap<string, string>;
  /** Several families read the same lines, e.g. those of the commands. */
  readonly #found = new Map<string, readonly (readonly [rest: string, value: string])[]>();
  readonly #records = new Map<string, readonly (readonly [rest: string, fields: ReadonlyMap<string, string>])[]>();

  private constructor(fields: ReadonlyMap<string, string>) {
    this.#fields = fields;
  }

  /** Lines are `name:value`; names hold no colon, values may. A field that comes twice keeps its first value. */
  static parse(text: string): Info {
    const fields = new Map<string, string>();
    for (const line of text.split('\n')) {
      const colon = line.indexOf(':');
      if (colon <= 0 || line.startsWith('#')) continue;
      const name = line.slice(0, colon);
      if (!fields.has(name)) fields.set(name, line.slice(colon + 1).trimEnd());
    }
    return new Info(fields);
  }

  text(name: string): string | undefined {
    return this.#fields.get(name);
  }

  /** Undefined where the server has no such field or gives no number. A `%` at the end is left out. */
  number(name: string): number | undefined {
    const text = this.#fields.get(name);
    if (text === undefined) return undefined;
    return parseNumber(text);
  }

  /** Fields whose name begins so, with the rest of the name, in the server's order. */
  startingWith(prefix: string): readonly (readonly [rest: string, value: string])[] {
    const known = this.#found.get(prefix);
    if (known !== undefined) return known;
    const found: (readonly [string, string])[] = [];
    for (const [name, value] of this.#fields) {
      if (name.startsWith(prefix)) found.push([name.slice(prefix.length), value]);
    }
    this.#found.set(prefix, found);
    return found;
  }

  /** The same, where the values are `name=value,…`. */
  recordsStartingWith(prefix: string): readonly (readonly [rest: string, fields: ReadonlyMap<string, string>])[] {
    const known = this.#records.get(prefix);
    if (known !== undefined) return known;
    const records = this.startingWith(prefix).map(([rest, text]) => [rest, parseFields(text)] as const);
    this.#records.set(prefix, records);
    return records;
  }

  /** Redis's own number, or Valkey's: Valkey tells `redis_version:7.2.4` for good. */
  get version(): string {
    return this.text('valkey_version') ?? this.text('redis_version') ?? '';
  }

  /** `Valkey` or `Redis`. */
  get product(): string {
    return this.text('valkey_version') === undefined ? 'Redis' : 'Valkey';
  }
}

/** What decides which commands a server understands. */
export class ServerFacts {
  readonly product: string;
  readonly isClusterNode: boolean;
  readonly #version: readonly [number, number] | undefined;

  constructor(info: Info) {
    this.product = info.product;
    this.isClusterNode = info.number('cluster_enabled') === 1;
    const [, major, minor] = /^(\d+)\.(\d+)/.exec(info.version) ?? [];
    this.#version = major === undefined ? undefined : [Number(major), Number(minor)];
  }

  /** False as well when the version is not known: asking tells. */
  isBefore(major: number, minor = 0): boolean {
    if (this.#version === undefined) return false;
    const [ownMajor, ownMinor] = this.#version;
    return ownMajor < major || (ownMajor === major && ownMinor < minor);
  }
}

/** `12`, `0.50`, `97.21%`; undefined for anything else. */
export function parseNumber(text: string): number | undefined {
  const digits = text.endsWith('%') ? text.slice(0, -1) : text;
  if (!/^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(digits)) return undefined;
  return Number(digits);
}

/** `keys=5,expires=0,avg_ttl=12` by key; a value may hold colons and equals signs, but no comma. */
export function parseFields(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const part of text.split(',')) {
    const equals = part.indexOf('=');
    if (equals < 0) fields.set(part, '');
    else fields.set(part.slice(0, equals), part.slice(equals + 1));
  }
  return fields;
}
