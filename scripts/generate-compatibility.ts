import { type Comparison, compare } from './compatibility/compare.ts';
import { type Peer, peers } from './compatibility/peers.ts';

/** The text of docs/compatibility.md. */
export function renderCompatibility(): string {
  return `${[introduction, ...peers.map(renderPeer)].join('\n\n')}\n`;
}

const introduction = `# Compatibility

<!-- Written by \`npm run generate\` from scripts/compatibility. Change it there. -->

Point Prometheus at Watchkeeper instead of the exporters below, and dashboards and rules go on working: names, types and
labels are the same. Every sample has one label more, \`target\`; where a metric can come from several databases of a
server it has \`datname\` as well. A metric that is wrong is kept under its name, and a correct one stands beside it.

What else is different, on purpose:

- One target watches all databases of its server, not the one of its URL only.
- A family that fails, or is late, costs its own samples only, and says so: \`watchkeeper_collector_success{collector}\`.
- Where there is nothing to measure there is no sample; 0 is always measured.`;

function renderPeer(peer: Peer): string {
  const comparisons = compare(peer);
  const rows = comparisons.map((comparison) => `| ${cells(comparison).join(' | ')} |`);
  const kept = comparisons.filter(({ ours }) => ours !== undefined).length;
  return [
    `## ${peer.name} ${peer.version}`,
    `${kept} of ${comparisons.length} entries are kept; of each of the others it is said why not. "Family" is the name in \`watch.collectors\`; the peer's own collector and ours are switched on by one line.`,
    ['| metric | type | family | on by default (there) | |', '|---|---|---|---|---|', ...rows].join('\n'),
  ].join('\n\n');
}

function cells(comparison: Comparison): string[] {
  const { peer, ours } = comparison;
  const family = ours === undefined ? '' : (ours.family?.name ?? 'always');
  const byDefault = ours === undefined ? '' : yesNo(ours.family?.enabledByDefault ?? true);
  return [
    `\`${peer.name}\``,
    ours?.metric.type ?? peer.type,
    family === '' || family === 'always' ? family : `\`${family}\``,
    `${byDefault} (${yesNo(peer.isDefault)})`.trim(),
    verdict(comparison),
  ];
}

const yesNo = (value: boolean) => (value ? 'yes' : 'no');

function verdict({ peer, ours, judgement }: Comparison): string {
  if (judgement === undefined) {
    const added = ours?.metric.labels.filter((label) => !peer.labels.includes(label)) ?? [];
    const more = added.map((label) => `\`${label}\``).join(', ');
    return more === '' ? 'kept' : `kept, with the label ${more} on top`;
  }
  if ('leftOut' in judgement) return `left out: ${judgement.leftOut}`;
  if ('differs' in judgement) return `kept, ${judgement.differs}`;
  return `kept although it is ${judgement.wrong}; correct: ${judgement.twins.map((twin) => `\`${twin}\``).join(', ')}`;
}
