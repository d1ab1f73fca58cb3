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

/** Where a secret comes from. It is read at each use, so that a rotated password needs no restart. */
export interface SecretSource {
  /** What may be shown: `file:/run/secrets/payments`, `${PAYMENTS_PASSWORD}`, or `literal`. */
  readonly origin: string;
  /** Throws when the file cannot be read; the message names the file, never its content. */
  read(): Promise<Secret>;
}

export function literalSecret(value: string, origin = 'literal'): SecretSource {
  const secret = new Secret(value);
  return { origin, read: async () => secret };
}
