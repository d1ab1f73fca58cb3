/** One session waits for a lock that another holds or has asked for before it. Sessions by their process ids. */
export interface LockWait {
  readonly blocked: string;
  readonly blocker: string;
}

/** A session that others wait for and that waits for nobody: to end it is what helps. */
export interface QueueHead {
  readonly pid: string;
  /** Sessions that wait for it, also through others. */
  readonly blocked: number;
  /** Sessions that wait one behind the other in the longest queue. */
  readonly depth: number;
}

/** Those with most sessions behind them first. Sessions that wait for each other (until the server notices the deadlock) have no head. */
export function queueHeads(waits: readonly LockWait[]): QueueHead[] {
  const waitersOf = new Map<string, Set<string>>();
  for (const { blocked, blocker } of waits) {
    waitersOf.set(blocker, (waitersOf.get(blocker) ?? new Set()).add(blocked));
  }
  const waiting = new Set(waits.map(({ blocked }) => blocked));
  return [...waitersOf.keys()]
    .filter((pid) => !waiting.has(pid))
    .map((pid) => ({ pid, ...queueBehind(pid, waitersOf) }))
    .sort((a, b) => b.blocked - a.blocked);
}

function queueBehind(head: string, waitersOf: ReadonlyMap<string, ReadonlySet<string>>) {
  const depthBehind = new Map<string, number>();
  const depthOf = (pid: string): number => {
    const known = depthBehind.get(pid);
    if (known !== undefined) return known;
    // For as long as it is being looked at: a step back into a circle adds nothing.
    depthBehind.set(pid, -1);
    const depths = [...(waitersOf.get(pid) ?? [])].map((waiter) => 1 + depthOf(waiter));
    const depth = Math.max(0, ...depths);
    depthBehind.set(pid, depth);
    return depth;
  };
  const depth = depthOf(head);
  return { depth, blocked: depthBehind.size - 1 };
}
