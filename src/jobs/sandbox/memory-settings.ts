/** What a limit on the memory of a throw-away server comes to. */
export interface MemoryPlan {
  /** Lines for postgresql.conf. */
  readonly settings: Readonly<Record<string, string>>;
  /** Most bytes of its own that each process may have; shared memory is not among them. */
  readonly processBytes: number;
}

/** The least a server with two sessions at work can do with. */
export const leastMemoryBytes = 128 * 2 ** 20;

/**
 * A quarter is shared by all processes; each of the two that restore at once has three eighths for itself, and gets an error
 * when it wants more. Without helpers (parallel workers, JIT) no others of any size are there.
 */
export function memoryPlan(limitBytes: number): MemoryPlan {
  const sharedBytes = Math.min(limitBytes / 4, 2 ** 30);
  const processBytes = Math.floor((limitBytes - sharedBytes) / 2);
  return {
    processBytes,
    settings: {
      shared_buffers: kilobytes(sharedBytes * 0.75),
      work_mem: kilobytes(processBytes / 16),
      maintenance_work_mem: kilobytes(processBytes / 2),
      max_connections: '20',
      max_parallel_workers: '0',
      max_parallel_maintenance_workers: '0',
      max_locks_per_transaction: '512',
      jit: 'off',
    },
  };
}

function kilobytes(bytes: number): string {
  return `${Math.floor(bytes / 1_024)}kB`;
}
