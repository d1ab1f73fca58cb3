import type { SQSClient } from '@aws-sdk/client-sqs';
import type { AwsCalls } from '../aws/calls.ts';
import { allPages, asked, clientOptions, LateClient, unlessMissing } from '../aws/client.ts';
import type { AwsAccess } from '../aws/settings.ts';

type Sdk = typeof import('@aws-sdk/client-sqs');

/** Most queues that SQS lists at once. */
const MaxResults = 1_000;

/** What is asked of SQS; its requests cost a little. No message is read. Every call rejects with an AwsFailure. */
export class SqsApi implements Disposable {
  readonly #client: LateClient<{ readonly sdk: Sdk; readonly client: SQSClient }>;

  constructor(access: AwsAccess, calls: AwsCalls) {
    this.#client = new LateClient(async () => {
      const sdk = await import('@aws-sdk/client-sqs');
      // Otherwise the host of a queue's URL is asked, past an endpoint that is configured.
      const client = new sdk.SQSClient({ ...clientOptions(access), useQueueUrlAsEndpoint: false });
      calls.watch(client, 'sqs');
      return { sdk, client };
    });
  }

  /** One small request: whether the credentials and the region are right and the service answers. */
  async prove(signal: AbortSignal): Promise<void> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.ListQueuesCommand({ MaxResults: 1 });
    await asked('sqs:ListQueues', signal, () => client.send(command, { abortSignal: signal }));
  }

  /** URLs of all queues of the account in the region. */
  async queueUrls(signal: AbortSignal): Promise<readonly string[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('sqs:ListQueues', async (NextToken) => {
      const command = new sdk.ListQueuesCommand({ MaxResults, NextToken });
      const page = await asked('sqs:ListQueues', signal, () => client.send(command, { abortSignal: signal }));
      return { items: page.QueueUrls, after: page.NextToken };
    });
  }

  /** Undefined when there is no such queue. */
  async attributes(url: string, signal: AbortSignal): Promise<Readonly<Record<string, string>> | undefined> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.GetQueueAttributesCommand({ QueueUrl: url, AttributeNames: ['All'] });
    const send = () => client.send(command, { abortSignal: signal });
    return unlessMissing(async () => (await asked('sqs:GetQueueAttributes', signal, send)).Attributes ?? {});
  }

  async tags(url: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.ListQueueTagsCommand({ QueueUrl: url });
    const { Tags = {} } = await asked('sqs:ListQueueTags', signal, () => client.send(command, { abortSignal: signal }));
    return new Map(Object.entries(Tags));
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
