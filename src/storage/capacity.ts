import { type ObjectStore, passingOn } from './object-store.ts';

/** A store that tells how much the configuration allows it to hold. Nothing is refused beyond it. */
export function withCapacity(store: ObjectStore, capacityBytes: number): ObjectStore {
  return { ...passingOn(store), room: async () => ({ ...(await store.room?.()), capacityBytes }) };
}
