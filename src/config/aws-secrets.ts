import type { Clock } from '../core/clock.ts';
import { Secret, type SecretSource, SecretUnavailable } from '../core/secret.ts';
import {
  type AwsSecretName,
  type AwsSecretsSettings,
  parseAwsSecret,
  readAwsSecret,
  secretValue,
} from './aws-secret.ts';
import type { SecretReader } from './secret-source.ts';

export interface AwsSecretsOptions extends AwsSecretsSettings {
  /** A value that nobody refused is kept this long. */
  readonly maxAgeMs: number;
  readonly clock: Clock;
}

interface Kept {
  readonly text: string;
  readonly until: number;
}

/** When the service is away, a value that is old but works goes on being used, and the service is asked again after this. */
const retryMs = 30_000;

/**
 * Secrets of AWS Secrets Manager, each read once for all its keys and users. A value is kept until somebody finds it
 * refused or it is too old: every request costs money and time.
 */
export class AwsSecrets implements SecretReader {
  readonly #options: AwsSecretsOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #underWay = new Map<string, Promise<string>>();

  constructor(options: AwsSecretsOptions) {
    this.#options = options;
  }

  awsSecret(reference: string): SecretSource {
    const name = parseAwsSecret(reference);
    if (name === undefined || name === 'invalid') throw new Error('not a reference of the form aws-secret:NAME#KEY');
    return {
      origin: reference,
      read: async () => new Secret(secretValue(name, await this.#text(name))),
      forget: () => {
        this.#kept.delete(name.id);
      },
    };
  }

  #text(name: AwsSecretName): string | Promise<string> {
    const kept = this.#kept.get(name.id);
    if (kept !== undefined && this.#options.clock.monotonicMs() < kept.until) return kept.text;
    let reading = this.#underWay.get(name.id);
    if (reading === undefined) {
      reading = this.#read(name).finally(() => this.#underWay.delete(name.id));
      this.#underWay.set(name.id, reading);
    }
    return reading;
  }

  async #read(name: AwsSecretName): Promise<string> {
    try {
      return this.#keep(name, await readAwsSecret(name, this.#options), this.#options.maxAgeMs);
    } catch (error) {
      const old = this.#kept.get(name.id);
      if (old === undefined || !(error instanceof SecretUnavailable) || !error.transient) throw error;
      return this.#keep(name, old.text, retryMs);
    }
  }

  #keep({ id }: AwsSecretName, text: string, forMs: number): string {
    this.#kept.set(id, { text, until: this.#options.clock.monotonicMs() + forMs });
    return text;
  }
}
