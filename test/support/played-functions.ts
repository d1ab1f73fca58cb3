import type { FrontAnswer, FrontRequest } from './aws-front.ts';

/** The ARN of a function of Lambda as {@link playFunctions} has it. */
export const functionArn = (name: string) => `arn:aws:lambda:eu-central-1:123456789012:function:${name}`;

const described = (FunctionName: string, others: object = {}) => ({
  FunctionName,
  FunctionArn: functionArn(FunctionName),
  Runtime: 'nodejs24.x',
  Architectures: ['arm64'],
  PackageType: 'Zip',
  Timeout: 30,
  MemorySize: 512,
  CodeSize: 1_000,
  LastModified: '2026-11-01T10:00:00.000+0000',
  ...others,
});

/** Two pages of functions. */
const pages: Readonly<Record<string, object>> = {
  first: { Functions: [described('prod-orders'), described('elsewhere')], NextMarker: 'more' },
  more: {
    Functions: [described('prod-clicks', { DeadLetterConfig: { TargetArn: 'arn:aws:sqs:eu-central-1:1:lost' } })],
  },
};

const mappings = [
  {
    UUID: 'u-1',
    FunctionArn: functionArn('prod-clicks'),
    EventSourceArn: 'arn:aws:kinesis:eu-central-1:1:stream/clicks',
    State: 'Enabled',
    BatchSize: 100,
  },
  {
    UUID: 'u-2',
    FunctionArn: `${functionArn('prod-orders')}:live`,
    EventSourceArn: 'arn:aws:sqs:eu-central-1:1:orders',
    State: 'Disabled',
    BatchSize: 10,
  },
];

const limits = {
  AccountLimit: { ConcurrentExecutions: 1_000, UnreservedConcurrentExecutions: 900, TotalCodeSize: 80_530_636_800 },
  AccountUsage: { TotalCodeSize: 12_345, FunctionCount: 3 },
};

/** What is reserved of it. */
const reserved: Readonly<Record<string, object>> = { 'prod-orders': { ReservedConcurrentExecutions: 100 } };

/** Plays Lambda: moto needs Docker and a role for functions of its own. Undefined for what is of another service. */
export function playFunctions({ path }: FrontRequest): FrontAnswer | undefined {
  const url = new URL(path, 'http://lambda');
  const json = (value: unknown) => ({ status: 200, contentType: 'application/json', body: JSON.stringify(value) });
  const [, reservedBy] = /\/functions\/([^/]+)\/concurrency$/.exec(url.pathname) ?? [];
  if (reservedBy !== undefined) return json(reserved[reservedBy] ?? {});
  if (/\/functions\/?$/.test(url.pathname)) return json(pages[url.searchParams.get('Marker') ?? 'first']);
  if (url.pathname.includes('event-source-mappings')) return json({ EventSourceMappings: mappings });
  return url.pathname.includes('account-settings') ? json(limits) : undefined;
}
