import type { Moto } from './moto.ts';

export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** Makes users with policies, and has moto check from then on who asks for what, as AWS does. */
export interface MotoUsers {
  /** Makes a user who may do these actions on everything. */
  create(name: string, actions: readonly string[]): Promise<AccessKey>;
  /** Makes a user with this policy. */
  createWith(name: string, policy: object): Promise<AccessKey>;
  newKey(name: string): Promise<AccessKey>;
  deactivate(name: string, key: AccessKey): Promise<void>;
  /** Calls of the administrator are no longer understood after this: make everything before. */
  enforce(): Promise<void>;
}

export function motoUsers(moto: Pick<Moto, 'endpoint'>): MotoUsers {
  const ask = (parameters: Readonly<Record<string, string>>) => askIam(moto.endpoint, parameters);
  const newKey = async (name: string): Promise<AccessKey> => {
    const answer = await ask({ Action: 'CreateAccessKey', UserName: name });
    const [, accessKeyId = ''] = /<AccessKeyId>(.*?)</.exec(answer) ?? [];
    const [, secretAccessKey = ''] = /<SecretAccessKey>(.*?)</.exec(answer) ?? [];
    return { accessKeyId, secretAccessKey };
  };
  const createWith = async (name: string, policy: object): Promise<AccessKey> => {
    await ask({ Action: 'CreateUser', UserName: name });
    const PolicyDocument = JSON.stringify(policy);
    await ask({ Action: 'PutUserPolicy', UserName: name, PolicyName: 'given', PolicyDocument });
    return newKey(name);
  };
  return {
    newKey,
    create: (name, actions) =>
      createWith(name, {
        Version: '2012-10-17',
        Statement: [{ Effect: 'Allow', Action: actions, Resource: '*' }],
      }),
    createWith,
    async deactivate(name, { accessKeyId }) {
      await ask({ Action: 'DeleteAccessKey', UserName: name, AccessKeyId: accessKeyId });
    },
    async enforce() {
      await fetch(`${moto.endpoint}/moto-api/reset-auth`, { method: 'POST', body: '0' });
    },
  };
}

/** IAM's own protocol: its SDK client would be a dependency for four calls. */
async function askIam(endpoint: string, parameters: Readonly<Record<string, string>>): Promise<string> {
  const answer = await fetch(endpoint, {
    method: 'POST',
    headers: {
      authorization:
        'AWS4-HMAC-SHA256 Credential=admin/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=0',
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams({ Version: '2010-05-08', ...parameters }).toString(),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`moto refused ${parameters['Action']}: ${text}`);
  return text;
}
