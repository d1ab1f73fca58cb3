/** Families that others are made of, by engine: derived figures are of no use without them. */
const needed = {
  dynamodb: { utilization: ['consumed_capacity'], throttling: ['throttle_events'] },
  rds: { free_storage: ['free_space'], replicas: ['replica_lag'] },
  elasticache: { serverless_use: ['memory', 'processing'] },
  sqs: {},
  lambda: {
    error_rate: ['invocations'],
    reserved_concurrency_use: ['concurrency'],
    account_concurrency_use: ['concurrency'],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;

/** Services of AWS that are watched. */
export type AwsEngine = keyof typeof needed;

/** `watch.collectors` of a file: families that it switches on or off. */
type Switches = Readonly<Record<string, boolean>>;

/** A family and one that it needs and that is switched off. */
interface Unfounded {
  readonly family: string;
  readonly basis: string;
}

/** What lacks something, whether it is switched on by the file or by default. */
export function unfoundedFamilies(engine: AwsEngine, collectors: Switches): Unfounded[] {
  return Object.entries<readonly string[]>(needed[engine])
    .filter(([family]) => collectors[family] !== false)
    .flatMap(([family, bases]) =>
      bases.filter((basis) => collectors[basis] === false).map((basis) => ({ family, basis })),
    );
}

/** The same settings, with families off that have lost what they are made of: a file need not name these. */
export function withoutUnfounded<W extends { readonly collectors: Switches }>(engine: AwsEngine, watch: W): W {
  const off = unfoundedFamilies(engine, watch.collectors).map(({ family }) => [family, false]);
  return { ...watch, collectors: { ...watch.collectors, ...Object.fromEntries(off) } };
}
