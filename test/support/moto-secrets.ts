import {
  CreateSecretCommand,
  DeleteSecretCommand,
  PutSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import type { Moto } from './moto.ts';

/** AWS Secrets Manager as moto plays it, to put secrets in. */
export interface MotoSecrets extends Disposable {
  /** Returns the ARN. */
  create(name: string, value: string | Uint8Array): Promise<string>;
  /** A new present version, as a rotation leaves it. */
  rotate(name: string, value: string): Promise<void>;
  markForDeletion(name: string): Promise<void>;
}

export function motoSecrets(moto: Pick<Moto, 'endpoint'>, region = 'eu-central-1'): MotoSecrets {
  const credentials = { accessKeyId: 'testing', secretAccessKey: 'testing' };
  const client = new SecretsManagerClient({ region, endpoint: moto.endpoint, credentials });
  return {
    async create(name, value) {
      const content = typeof value === 'string' ? { SecretString: value } : { SecretBinary: value };
      const { ARN } = await client.send(new CreateSecretCommand({ Name: name, ...content }));
      return ARN ?? '';
    },
    async rotate(name, value) {
      await client.send(new PutSecretValueCommand({ SecretId: name, SecretString: value }));
    },
    async markForDeletion(name) {
      await client.send(new DeleteSecretCommand({ SecretId: name, RecoveryWindowInDays: 7 }));
    },
    [Symbol.dispose]: () => client.destroy(),
  };
}
