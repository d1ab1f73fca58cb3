import { readFileSync } from 'node:fs';
import type { EngineName } from '../../src/collectors/engines.ts';
import { type Judgement, pgbouncerExporter, postgresExporter, redisExporter } from './judgements.ts';

/** A metric of another exporter, as its source has it. `name` ends in `*` where it stands for many. */
export interface PeerMetric {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly collector: string;
  readonly isDefault: boolean;
}

/** An exporter that one of our engines replaces. */
export interface Peer {
  readonly name: string;
  readonly version: string;
  readonly engine: EngineName;
  readonly metrics: readonly PeerMetric[];
  readonly judgements: Readonly<Record<string, Judgement>>;
}

/** Those whose names are kept. The lists beside this file were read from their source code. */
export const peers: readonly Peer[] = [
  {
    name: 'postgres_exporter',
    version: '0.20',
    engine: 'postgres',
    metrics: readMetrics('postgres_exporter'),
    judgements: postgresExporter,
  },
  {
    name: 'pgbouncer_exporter',
    version: '0.12',
    engine: 'pgbouncer',
    metrics: readMetrics('pgbouncer_exporter'),
    judgements: pgbouncerExporter,
  },
  {
    name: 'redis_exporter',
    version: '1.88',
    engine: 'redis',
    metrics: readMetrics('redis_exporter'),
    judgements: redisExporter,
  },
];

function readMetrics(peer: string): PeerMetric[] {
  const [, ...lines] = readFileSync(new URL(`${peer}.csv`, import.meta.url), 'utf8')
    .trim()
    .split('\n');
  return lines.map((line) => {
    const [name = '', type = '', labels = '', collector = '', isDefault = ''] = line.split(',');
    return { name, type, labels: labels.split(' ').filter(Boolean), collector, isDefault: isDefault === 'true' };
  });
}
