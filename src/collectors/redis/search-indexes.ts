import { type Metric, type MetricType, metric, type Sample } from '../../core/metric.ts';
import { type Command, RedisError, type Reply } from '../../targets/redis/connection.ts';
import { parseNumber } from '../../targets/redis/info.ts';
import { fieldsOf } from '../../targets/redis/topology.ts';
import { NotApplicable } from '../collector.ts';
import { askAll } from './scan.ts';
import { explain, type RedisFamily } from './source.ts';

interface IndexField {
  readonly field: string;
  readonly factor: number;
  readonly metric: Metric<'index_name'>;
}

function declare(field: string, name: string, unit: string, help: string, type: MetricType = 'gauge'): IndexField {
  const source = `FT.INFO: ${field}`;
  const of = metric({ name: `redis_search_index_${name}`, type, help, labels: ['index_name'], source, unit });
  return { field, factor: field.endsWith('_mb') ? 2 ** 20 : 1, metric: of };
}

const fields = [
  declare('num_docs', 'num_docs', 'documents', 'Documents in the index.'),
  declare('max_doc_id', 'max_doc_id', 'id', 'Highest number that was given to a document.'),
  declare('num_terms', 'num_terms', 'terms', 'Different terms in the index.'),
  declare('num_records', 'num_records', 'records', 'Records in the inverted index.'),
  declare('inverted_sz_mb', 'inverted_size_bytes', 'bytes', 'Bytes of the inverted index.'),
  declare('total_inverted_index_blocks', 'total_inverted_index_blocks', 'blocks', 'Blocks of inverted indexes.'),
  declare('vector_index_sz_mb', 'vector_index_size_bytes', 'bytes', 'Bytes of vector indexes.'),
  declare('offset_vectors_sz_mb', 'offset_vectors_size_bytes', 'bytes', 'Bytes of the positions of terms.'),
  declare('doc_table_size_mb', 'doc_table_size_bytes', 'bytes', 'Bytes of the table of documents.'),
  declare('sortable_values_size_mb', 'sortable_values_size_bytes', 'bytes', 'Bytes of values to sort by.'),
  declare('key_table_size_mb', 'key_table_size_bytes', 'bytes', 'Bytes of the table of keys.'),
  declare('tag_overhead_sz_mb', 'tag_overhead_size_bytes', 'bytes', 'Bytes of the structures for tags.'),
  declare('text_overhead_sz_mb', 'text_overhead_size_bytes', 'bytes', 'Bytes of the structures for texts.'),
  declare('total_index_memory_sz_mb', 'total_index_memory_size_bytes', 'bytes', 'Bytes of the index in all.'),
  declare('geoshapes_sz_mb', 'geoshapes_size_bytes', 'bytes', 'Bytes of shapes.'),
  declare('records_per_doc_avg', 'avg_per_doc_records', 'records', 'Records of a document on average.'),
  declare('bytes_per_record_avg', 'avg_per_record_bytes', 'bytes', 'Bytes of a record on average.'),
  declare('offsets_per_term_avg', 'avg_per_term_offsets', 'offsets', 'Positions of a term on average.'),
  declare('offset_bits_per_record_avg', 'avg_per_record_offset_bits', 'bits', 'Bits of positions a record on average.'),
  declare('indexing', 'indexing', 'boolean', 'Whether the index is being filled.'),
  declare('percent_indexed', 'percent_indexed', 'ratio', 'Share of the documents that are indexed: 1 is all of them.'),
  declare('hash_indexing_failures', 'hash_indexing_failures', 'documents', 'Documents that could not be indexed.'),
  declare('number_of_uses', 'number_of_uses_total', 'uses', 'Times that the index was used.', 'counter'),
  declare('cleaning', 'cleaning', 'boolean', 'Whether the index is being removed.'),
];

const notShown = metric({
  name: 'redis_search_indexes_not_shown',
  type: 'gauge',
  help: 'Search indexes beyond the first 100 by name, which have no samples of their own.',
  labels: [],
  source: 'FT._LIST',
  unit: 'indexes',
});

const listCommand: Command = ['FT._LIST'];
const mostShown = 100;

export const searchIndexes: RedisFamily = {
  name: 'search_indexes',
  about: `Search indexes one by one, ${mostShown} at most; for servers with RediSearch.`,
  metrics: [...fields.map((one) => one.metric), notShown],
  enabledByDefault: false,
  minIntervalMs: 60_000,
  async read(reading, { signal }) {
    const [list] = await reading.connection.ask([listCommand], signal);
    if (list instanceof RedisError) {
      if (list.isUnknownCommand) throw new NotApplicable('the server has no search indexes');
      throw explain(list, listCommand);
    }
    const names = Array.isArray(list) ? list.map(String).sort() : [];
    const shown = names.slice(0, mostShown);
    const answers = await askAll(
      reading,
      shown.map((name): Command => ['FT.INFO', name]),
      signal,
    );
    return [
      ...shown.flatMap((name, index) => indexSamples(name, answers[index])),
      { metric: notShown, labelValues: [], value: names.length - shown.length },
    ];
  },
};

/** An index that is gone by now gives none; neither does a mean of nothing (`nan`). */
function indexSamples(name: string, answer: Reply | RedisError | undefined): Sample[] {
  if (answer instanceof RedisError) return [];
  const told = fieldsOf(answer);
  return fields.flatMap(({ field, factor, metric: of }) => {
    const value = parseNumber(told.get(field) ?? '');
    return value === undefined ? [] : [{ metric: of, labelValues: [name], value: value * factor }];
  });
}
