import { type Engine, engines } from '../../src/collectors/engines.ts';
import { scrapeMetrics } from '../../src/collectors/scrape-metrics.ts';
import type { Metric } from '../../src/core/metric.ts';
import type { Judgement } from './judgements.ts';
import type { Peer, PeerMetric } from './peers.ts';

/** One line of the comparison. */
export interface Comparison {
  readonly peer: PeerMetric;
  /** Ours of the same name; undefined where there is none. */
  readonly ours: OwnMetric | undefined;
  readonly judgement: Judgement | undefined;
}

interface OwnMetric {
  readonly metric: Pick<Metric, 'name' | 'type' | 'labels'>;
  /** The family that has it; undefined for what every target tells. */
  readonly family: { readonly name: string; readonly enabledByDefault: boolean } | undefined;
}

/** Every metric of the peer beside ours. */
export function compare(peer: Peer): Comparison[] {
  const ours = ownMetrics(peer);
  return peer.metrics.map((metric) => ({
    peer: metric,
    ours: ours.get(metric.name) ?? [...ours.values()].find((own) => stands(metric.name, own.metric.name)),
    judgement: judgementOn(peer, metric.name),
  }));
}

/** Its own, or one that stands for many. */
function judgementOn({ judgements }: Peer, name: string): Judgement | undefined {
  return judgements[name] ?? Object.entries(judgements).find(([pattern]) => stands(pattern, name))?.[1];
}

/** Whether a name with a star in it stands for another name. */
function stands(pattern: string, name: string): boolean {
  const [before = '', after] = pattern.split('*');
  if (after === undefined) return false;
  return name.length > before.length + after.length && name.startsWith(before) && name.endsWith(after);
}

/** By name; names that only the server knows stand under their prefix with a star. */
export function ownMetrics({ engine }: Peer): ReadonlyMap<string, OwnMetric> {
  const { up, peer, collectors }: Engine = engines[engine];
  const own: OwnMetric[] = [up, ...scrapeMetrics, ...Object.values(peer ?? {})].map((metric) => ({
    metric,
    family: undefined,
  }));
  for (const { metrics, openNames, ...family } of collectors) {
    own.push(...metrics.map((metric) => ({ metric, family })));
    if (openNames === undefined) continue;
    own.push({ metric: { name: `${openNames.prefix}*`, type: 'gauge', labels: [] }, family });
  }
  return new Map(own.map((one) => [one.metric.name, one]));
}

/** What nobody explained: a metric that is missing or different without a reason, a reason without its metric. */
export function unexplained(peer: Peer): string[] {
  const known = ownMetrics(peer);
  const found = compare(peer).flatMap((comparison) => problemOf(comparison) ?? []);
  const names = peer.metrics.map(({ name }) => name);
  for (const [name, judgement] of Object.entries(peer.judgements)) {
    if (!names.some((one) => one === name || stands(name, one)))
      found.push(`${name}: judged, but ${peer.name} has no such metric`);
    const twins = 'twins' in judgement ? judgement.twins : [];
    found.push(...twins.filter((twin) => !known.has(twin)).map((twin) => `${name}: its twin ${twin} does not exist`));
  }
  return found;
}

function problemOf({ peer, ours, judgement }: Comparison): string | undefined {
  const { name } = peer;
  const isLeftOut = judgement !== undefined && 'leftOut' in judgement;
  if (ours === undefined) {
    const isExplained = isLeftOut || (judgement !== undefined && 'differs' in judgement && name.endsWith('*'));
    return isExplained ? undefined : `${name}: missing, and nobody says why`;
  }
  if (isLeftOut) return `${name}: is here, although it is said to be left out`;
  const isSame = isSameType(ours.metric, peer) && peer.labels.every((label) => ours.metric.labels.includes(label));
  const isDifferent = judgement !== undefined && 'differs' in judgement;
  if (!isSame && !isDifferent) {
    const kinds = [peer, ours.metric].map(({ type, labels }) => `${type} {${labels.join(', ')}}`);
    return `${name}: ${kinds[0]} there, ${kinds[1]} here, and nobody says why`;
  }
  return undefined;
}

/** An info metric is a gauge in the text format, and the exporters know no other. */
function isSameType(ours: Pick<Metric, 'type'>, peer: PeerMetric): boolean {
  return ours.type === peer.type || (ours.type === 'info' && peer.type === 'gauge');
}
