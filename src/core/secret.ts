import { inspect } from 'node:util';

/** A string that never shows itself: logs, JSON, templates and debuggers print `[secret]`. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  /** The only way to the value; call it where the secret is handed over, never earlier. */
  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** A secret that cannot be had: its file, its service or a key is missing, unreadable or not what it should be. */
export class SecretUnavailable extends Error {
  override readonly name = 'SecretUnavailable';
  /** Whether another try may help: a service was not reached, but the configuration may be right. */
  readonly transient: boolean;

  constructor(message: string, options: ErrorOptions & { readonly transient?: boolean } = {}) {
    super(message, options);
    this.transient = options.transient ?? false;
  }
}

/** Where a secret comes from. It is read at each use, so that a rotated password needs no restart. */
export interface SecretSource {
  /** What may be shown: `file:/run/secrets/payments`, `${PAYMENTS_PASSWORD}`, or `literal`. */
  readonly origin: string;
  /** Throws {@link SecretUnavailable}; the message names file or service, never the value. */
  read(): Promise<Secret>;
  /**
   * Present when another read may give another value: whoever finds the value refused calls this, reads again, and tries
   * once more if the value is a new one.
   */
  forget?(): void;
}

export function literalSecret(value: string, origin = 'literal'): SecretSource {
  const secret = new Secret(value);
  return { origin, read: async () => secret };
}
