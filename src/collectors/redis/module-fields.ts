import { type FieldMetric, section } from './fields.ts';

const { gauge, counter } = section('modules');

/** RediSearch and valkey-search. */
const search = [
  gauge('search_number_of_indexes', 'indexes', 'Search indexes.'),
  gauge('search_used_memory_indexes', 'bytes', 'Bytes of all search indexes.', {
    as: 'search_used_memory_indexes_bytes',
  }),
  gauge('search_dialect_1', 'boolean', 'Whether an index was queried in dialect 1.'),
  gauge('search_dialect_2', 'boolean', 'Whether an index was queried in dialect 2.'),
  gauge('search_dialect_3', 'boolean', 'Whether an index was queried in dialect 3.'),
  gauge('search_dialect_4', 'boolean', 'Whether an index was queried in dialect 4.'),
  gauge('search_global_idle', 'cursors', 'Cursors that are open and not being read.'),
  gauge('search_global_total', 'cursors', 'Cursors that are open.'),
  gauge('search_bytes_collected', 'bytes', 'Bytes that the garbage collection of indexes freed; older RediSearch.', {
    as: 'search_collected_bytes',
  }),
  gauge('search_number_of_active_indexes', 'indexes', 'Indexes that are being written to or queried.'),
  gauge('search_number_of_active_indexes_running_queries', 'indexes', 'Indexes that are being queried.'),
  gauge('search_number_of_active_indexes_indexing', 'indexes', 'Indexes that are being filled.'),
  gauge('search_total_active_write_threads', 'threads', 'Threads that write to indexes.'),
  gauge('search_total_num_docs_in_indexes', 'documents', 'Documents in all indexes.'),
  gauge('search_smallest_memory_index', 'bytes', 'Bytes of the smallest index.', {
    as: 'search_smallest_memory_index_bytes',
  }),
  gauge('search_largest_memory_index', 'bytes', 'Bytes of the largest index.', {
    as: 'search_largest_memory_index_bytes',
  }),
  gauge('search_used_memory_vector_index', 'bytes', 'Bytes of vector indexes.', {
    as: 'search_used_memory_vector_index_bytes',
  }),
  gauge('search_global_idle_user', 'cursors', 'Cursors of clients that are open and not being read.'),
  gauge('search_global_idle_internal', 'cursors', 'Cursors between nodes that are open and not being read.'),
  gauge('search_global_total_user', 'cursors', 'Cursors of clients that are open.'),
  gauge('search_global_total_internal', 'cursors', 'Cursors between nodes that are open.'),
  gauge('search_gc_bytes_collected', 'bytes', 'Bytes that the garbage collection of indexes freed.', {
    as: 'search_gc_collected_bytes',
  }),
  gauge('search_gc_total_docs_not_collected', 'documents', 'Documents that are deleted and not yet collected.'),
  gauge('search_gc_marked_deleted_vectors', 'vectors', 'Vectors that are marked as deleted and not yet collected.'),
  gauge('search_errors_indexing_failures', 'documents', 'Documents that could not be indexed.'),
  gauge('search_used_memory_bytes', 'bytes', 'Bytes of all indexes; valkey-search.'),
  gauge('search_number_of_attributes', 'attributes', 'Attributes of all indexes; valkey-search.'),
  gauge('search_total_indexed_documents', 'documents', 'Documents in all indexes; valkey-search.'),
  gauge('search_query_queue_size', 'queries', 'Queries that wait for a thread; valkey-search.'),
  gauge('search_writer_queue_size', 'writes', 'Writes that wait for a thread; valkey-search.'),
  gauge('search_string_interning_store_size', 'strings', 'Strings that indexes share; valkey-search.'),
  gauge(
    'search_vector_externing_hash_extern_errors',
    'errors',
    'Vectors that could not be shared with their hashes; valkey-search.',
  ),
  gauge('search_vector_externing_num_lru_entries', 'vectors', 'Vectors in the cache of shared ones; valkey-search.'),
  counter('search_total_indexing_time', 'milliseconds', 'Milliseconds that indexing took.', {
    as: 'search_indexing_time_ms_total',
  }),
  counter('search_total_cycles', 'cycles', 'Runs of the garbage collection of indexes; older RediSearch.', {
    as: 'search_cycles_total',
  }),
  counter(
    'search_total_ms_run',
    'milliseconds',
    'Milliseconds of the garbage collection of indexes; older RediSearch.',
    { as: 'search_run_ms_total' },
  ),
  counter('search_gc_total_cycles', 'cycles', 'Runs of the garbage collection of indexes.', {
    as: 'search_gc_cycles_total',
  }),
  counter('search_gc_total_ms_run', 'milliseconds', 'Milliseconds of the garbage collection of indexes.', {
    as: 'search_gc_run_ms_total',
  }),
  counter('search_total_queries_processed', 'queries', 'Queries that were answered.', {
    as: 'search_queries_processed_total',
  }),
  counter('search_total_query_commands', 'commands', 'Commands that query indexes.', {
    as: 'search_query_commands_total',
  }),
  counter('search_total_query_execution_time_ms', 'milliseconds', 'Milliseconds that queries took.', {
    as: 'search_query_execution_time_ms_total',
  }),
  gauge('search_total_active_queries', 'queries', 'Queries that are running. The name ends like a counter.', {
    as: 'search_active_queries_total',
  }),
  counter('search_worker_pool_suspend_cnt', 'times', 'Times that the pool of threads was suspended; valkey-search.', {
    as: 'search_worker_pool_suspend_count',
  }),
  counter('search_writer_resumed_cnt', 'times', 'Times that the threads for writing went on; valkey-search.', {
    as: 'search_writer_resumed_count',
  }),
  counter('search_reader_resumed_cnt', 'times', 'Times that the threads for reading went on; valkey-search.', {
    as: 'search_reader_resumed_count',
  }),
  counter(
    'search_writer_suspension_expired_cnt',
    'times',
    'Times that writing was suspended for too long; valkey-search.',
    { as: 'search_writer_suspension_expired_count' },
  ),
  counter('search_rdb_load_success_cnt', 'loads', 'Indexes that were loaded; valkey-search.', {
    as: 'search_rdb_load_success_count',
  }),
  counter('search_rdb_load_failure_cnt', 'loads', 'Indexes that could not be loaded; valkey-search.', {
    as: 'search_rdb_load_failure_count',
  }),
  counter('search_rdb_save_success_cnt', 'saves', 'Indexes that were saved; valkey-search.', {
    as: 'search_rdb_save_success_count',
  }),
  counter('search_rdb_save_failure_cnt', 'saves', 'Indexes that could not be saved; valkey-search.', {
    as: 'search_rdb_save_failure_count',
  }),
  counter('search_successful_requests_count', 'queries', 'Queries that succeeded; valkey-search.'),
  counter('search_failure_requests_count', 'queries', 'Queries that failed; valkey-search.'),
  counter('search_hybrid_requests_count', 'queries', 'Queries for vectors with a filter; valkey-search.'),
  counter(
    'search_inline_filtering_requests_count',
    'queries',
    'Queries that filtered while they searched; valkey-search.',
  ),
  counter(
    'search_hnsw_add_exceptions_count',
    'errors',
    'Errors of the vector index at the operation add; valkey-search.',
  ),
  counter(
    'search_hnsw_remove_exceptions_count',
    'errors',
    'Errors of the vector index at the operation remove; valkey-search.',
  ),
  counter(
    'search_hnsw_modify_exceptions_count',
    'errors',
    'Errors of the vector index at the operation modify; valkey-search.',
  ),
  counter(
    'search_hnsw_search_exceptions_count',
    'errors',
    'Errors of the vector index at the operation search; valkey-search.',
  ),
  counter(
    'search_hnsw_create_exceptions_count',
    'errors',
    'Errors of the vector index at the operation create; valkey-search.',
  ),
  counter(
    'search_vector_externing_entry_count',
    'vectors',
    'Vectors that are shared with their hashes; valkey-search.',
  ),
  counter(
    'search_vector_externing_generated_value_cnt',
    'vectors',
    'Values that were made of shared vectors; valkey-search.',
    { as: 'search_vector_externing_generated_value_count' },
  ),
  counter(
    'search_vector_externing_lru_promote_cnt',
    'vectors',
    'Vectors that were used again in the cache; valkey-search.',
    { as: 'search_vector_externing_lru_promote_count' },
  ),
  counter(
    'search_vector_externing_deferred_entry_cnt',
    'vectors',
    'Vectors that are to be shared later; valkey-search.',
    { as: 'search_vector_externing_deferred_entry_count' },
  ),
];

const bloom = [
  gauge('bf_bloom_total_memory_bytes', 'bytes', 'Bytes of all Bloom filters; valkey-bloom.'),
  gauge('bf_bloom_num_objects', 'objects', 'Bloom objects; valkey-bloom.'),
  gauge('bf_bloom_num_filters_across_objects', 'filters', 'Bloom filters in all objects; valkey-bloom.'),
  gauge('bf_bloom_num_items_across_objects', 'items', 'Items in all Bloom objects; valkey-bloom.'),
  gauge('bf_bloom_capacity_across_objects', 'items', 'Items that all Bloom objects have room for; valkey-bloom.'),
  counter('bf_bloom_defrag_hits', 'filters', 'Bloom filters that defragmentation moved; valkey-bloom.', {
    as: 'bf_bloom_defrag_hits_total',
  }),
  counter('bf_bloom_defrag_misses', 'filters', 'Bloom filters that defragmentation left; valkey-bloom.', {
    as: 'bf_bloom_defrag_misses_total',
  }),
];

const json = [
  gauge('json_total_memory_bytes', 'bytes', 'Bytes of all JSON documents; valkey-json.'),
  gauge('json_num_documents', 'documents', 'JSON documents; valkey-json.'),
];

/** What modules tell in INFO, under redis_exporter's names. */
export const moduleFields: readonly FieldMetric[] = [...search, ...bloom, ...json];
