import type {
  EventSourceMappingConfiguration,
  FunctionConfiguration,
  GetAccountSettingsResponse,
  LambdaClient,
} from '@aws-sdk/client-lambda';
import type { AwsCalls } from '../aws/calls.ts';
import { allPages, asked, clientOptions, LateClient, unlessMissing } from '../aws/client.ts';
import type { AwsAccess } from '../aws/settings.ts';

type Sdk = typeof import('@aws-sdk/client-lambda');

/** What is asked of Lambda, all of it free of charge; nothing is invoked. Every call rejects with an AwsFailure. */
export class LambdaApi implements Disposable {
  readonly #client: LateClient<{ readonly sdk: Sdk; readonly client: LambdaClient }>;

  constructor(access: AwsAccess, calls: AwsCalls) {
    this.#client = new LateClient(async () => {
      const sdk = await import('@aws-sdk/client-lambda');
      const client = new sdk.LambdaClient(clientOptions(access));
      calls.watch(client, 'lambda');
      return { sdk, client };
    });
  }

  /** One small request: whether the credentials and the region are right and the service answers. */
  async prove(signal: AbortSignal): Promise<void> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.ListFunctionsCommand({ MaxItems: 1 });
    await asked('lambda:ListFunctions', signal, () => client.send(command, { abortSignal: signal }));
  }

  async functions(signal: AbortSignal): Promise<readonly FunctionConfiguration[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('lambda:ListFunctions', async (Marker) => {
      const command = new sdk.ListFunctionsCommand({ Marker });
      const page = await asked('lambda:ListFunctions', signal, () => client.send(command, { abortSignal: signal }));
      return { items: page.Functions, after: page.NextMarker };
    });
  }

  /** What feeds functions: queues, streams, topics of Kafka. */
  async eventSources(signal: AbortSignal): Promise<readonly EventSourceMappingConfiguration[]> {
    const { sdk, client } = await this.#client.get();
    return allPages('lambda:ListEventSourceMappings', async (Marker) => {
      const command = new sdk.ListEventSourceMappingsCommand({ Marker });
      const send = () => client.send(command, { abortSignal: signal });
      const page = await asked('lambda:ListEventSourceMappings', signal, send);
      return { items: page.EventSourceMappings, after: page.NextMarker };
    });
  }

  async account(signal: AbortSignal): Promise<GetAccountSettingsResponse> {
    const { sdk, client } = await this.#client.get();
    const send = () => client.send(new sdk.GetAccountSettingsCommand({}), { abortSignal: signal });
    return asked('lambda:GetAccountSettings', signal, send);
  }

  /** Invocations at the same time that are reserved for the function; undefined where there are none, or no such function. */
  async reservedConcurrency(name: string, signal: AbortSignal): Promise<number | undefined> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.GetFunctionConcurrencyCommand({ FunctionName: name });
    const send = () => client.send(command, { abortSignal: signal });
    return unlessMissing(
      async () => (await asked('lambda:GetFunctionConcurrency', signal, send)).ReservedConcurrentExecutions,
    );
  }

  async tags(arn: string, signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    const { sdk, client } = await this.#client.get();
    const command = new sdk.ListTagsCommand({ Resource: arn });
    const { Tags = {} } = await asked('lambda:ListTags', signal, () => client.send(command, { abortSignal: signal }));
    return new Map(Object.entries(Tags));
  }

  [Symbol.dispose](): void {
    this.#client[Symbol.dispose]();
  }
}
