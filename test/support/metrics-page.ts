/** What a page in the text format of Prometheus has: for each name its labels, and the values of each label. */
export type PageContents = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>;

/** Reads pages; what several of them have is put together. Values of samples are not looked at. */
export function readPages(pages: readonly string[]): PageContents {
  const found = new Map<string, Map<string, Set<string>>>();
  for (const line of pages.flatMap((page) => page.split('\n'))) {
    const [, name, pairs = ''] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (name === undefined) continue;
    const labels = found.get(name) ?? new Map<string, Set<string>>();
    found.set(name, labels);
    for (const [, label = '', value = ''] of pairs.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) {
      labels.set(label, (labels.get(label) ?? new Set()).add(value));
    }
  }
  return found;
}
