/**
 * Callers that ask for the same key while it is being computed share one computation. Nothing is kept once it is
 * settled: the next caller computes anew.
 */
export class ServeOnce<T> {
  readonly #underWay = new Map<string, Promise<T>>();

  run(key: string, compute: () => Promise<T>): Promise<T> {
    const shared = this.#underWay.get(key);
    if (shared !== undefined) return shared;
    const promise = compute().finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, promise);
    return promise;
  }
}
