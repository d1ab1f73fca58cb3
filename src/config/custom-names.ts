import { type Engine, type EngineName, engines } from '../collectors/engines.ts';
import { type CustomFamily, metricColumns, namesOfColumn, typeOfColumn } from '../collectors/postgres/custom/family.ts';
import { scrapeMetrics } from '../collectors/scrape-metrics.ts';
import type { Metric } from '../core/metric.ts';
import type { Config, TargetConfig } from './schema.ts';

/** Who has a name already. */
interface Owner {
  /** `the family locks`, `every target`, `"shop" of /etc/shop.yaml`. */
  readonly whose: string;
  /** A family of ours, which the configuration can switch off. */
  readonly isFamily: boolean;
}

/** A family with what is to be said about its names. */
export interface TakenFamily {
  /** As it may be used; undefined when nothing of it may. */
  readonly family: CustomFamily | undefined;
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

/** What the daemon tells of itself; prom-client's names are its own. */
const ofTheDaemon = /^(watchkeeper|nodejs|process)_/;

function collectorsOf({ engine, watch }: TargetConfig): Engine['collectors'] {
  const { collectors }: Engine = engines[engine];
  return collectors.filter(({ name, enabledByDefault }) => watch.collectors[name] ?? enabledByDefault);
}

/** The names that the metrics and families of one target have so far, and whose they are. */
export class TargetNames {
  readonly #metrics = new Map<string, Owner>();
  readonly #prefixes: (Owner & { readonly prefix: string })[] = [];
  readonly #families = new Map<string, string>();

  constructor(target: TargetConfig) {
    const { collectors, up, peer }: Engine = engines[target.engine];
    for (const { name } of [up, ...scrapeMetrics, ...(Object.values(peer ?? {}) as Metric[])]) {
      this.#metrics.set(name, { whose: 'every target', isFamily: false });
    }
    for (const { name } of collectors) this.#families.set(name, 'Watchkeeper itself');
    for (const { name: family, metrics, openNames } of collectorsOf(target)) {
      const owner = { whose: `the family ${family}`, isFamily: true };
      for (const { name } of metrics) this.#metrics.set(name, owner);
      if (openNames !== undefined) this.#prefixes.push({ ...owner, prefix: openNames.prefix });
    }
  }

  /**
   * Gives the family's names to it. `mayRepeat`: a file of postgres_exporter may hold what we measure ourselves, which is left
   * out then, and families that are called like ours, which get another name.
   */
  take(given: CustomFamily, { mayRepeat }: { readonly mayRepeat: boolean }): TakenFamily {
    const family = mayRepeat ? this.#renamed(given) : given;
    const { name, file } = family;
    const sameFamily = this.#families.get(name);
    if (sameFamily !== undefined) {
      const message = `the family "${name}" of ${file} is called like one of ${sameFamily}`;
      return { family: undefined, problems: [message], warnings: [] };
    }
    const clashes = metricColumns(family)
      .flatMap(namesOfColumn)
      .flatMap((metric) => {
        const owner = this.#ownerOf(metric);
        return owner === undefined ? [] : [{ metric, ...owner }];
      });
    const repeated = clashes.filter(({ isFamily }) => mayRepeat && isFamily);
    const problems = clashes
      .filter((clash) => !repeated.includes(clash))
      .map(({ metric, whose }) => `${metric} of ${file} is measured by ${whose} already`);
    const usable = withoutMetrics(family, new Set(repeated.map(({ metric }) => metric)));
    this.#families.set(name, file);
    for (const metric of metricColumns(usable ?? { columns: [] }).flatMap(namesOfColumn)) {
      this.#metrics.set(metric, { whose: `"${name}" of ${file}`, isFamily: false });
    }
    return { family: usable, problems, warnings: repeated.length === 0 ? [] : [repeatedMessage(family, repeated)] };
  }

  /** Columns that a file does not describe must not take the names of others, whichever came first. */
  guardOpenNames(families: readonly CustomFamily[]): CustomFamily[] {
    const open = families.filter(({ otherColumns }) => otherColumns === 'untyped').map(({ prefix }) => `${prefix}_`);
    return families.map((family) => {
      if (family.otherColumns === 'ignored') return family;
      const narrower = open.filter((prefix) => prefix.length > family.prefix.length + 1);
      const isTaken = (name: string) =>
        this.#ownerOf(name) !== undefined || narrower.some((prefix) => name.startsWith(prefix));
      return { ...family, isTaken };
    });
  }

  #ownerOf(name: string): Owner | undefined {
    if (ofTheDaemon.test(name)) return { whose: 'the daemon', isFamily: false };
    return this.#metrics.get(name) ?? this.#prefixes.find(({ prefix }) => name.startsWith(prefix));
  }

  #renamed(family: CustomFamily): CustomFamily {
    const isOurs = this.#families.get(family.name) === 'Watchkeeper itself';
    return isOurs ? { ...family, name: `queries_${family.name}` } : family;
  }
}

/** The family without the metrics that others have; undefined when none is left. */
function withoutMetrics(family: CustomFamily, names: ReadonlySet<string>): CustomFamily | undefined {
  if (names.size === 0) return family;
  const isLeftOut = (column: CustomFamily['columns'][number]) =>
    (column.kind === 'value' || column.kind === 'histogram') && namesOfColumn(column).some((name) => names.has(name));
  const columns = family.columns.map((column) =>
    isLeftOut(column) ? { kind: 'ignored' as const, column: column.column } : column,
  );
  const left = { ...family, columns };
  return metricColumns(left).length === 0 ? undefined : left;
}

function repeatedMessage(
  { name, file }: CustomFamily,
  repeated: readonly (Owner & { readonly metric: string })[],
): string {
  const whose = [...new Set(repeated.map((one) => one.whose))].join(', ');
  const metrics = repeated.map(({ metric }) => metric).join(', ');
  return `"${name}" of ${file} repeats what ${whose} measures (${metrics}): these are left out; switch the family off in "watch.collectors" to have yours`;
}

/** The types that metrics have on the page of all targets, where a name has one type only. */
export class PageTypes {
  readonly #types = new Map<string, { readonly type: string; readonly whose: string }>();

  constructor(targets: Config['targets']) {
    for (const target of Object.values(targets)) {
      const engine: Engine & { readonly title: string } = engines[target.engine satisfies EngineName];
      for (const collector of collectorsOf(target)) {
        const whose = `the family ${collector.name} of ${engine.title}`;
        for (const { name, type } of collector.metrics) this.#types.set(name, { type, whose });
      }
    }
  }

  /** What is wrong with the family's types; those that are right are noted. */
  take(family: CustomFamily): string[] {
    return metricColumns(family).flatMap((column) => {
      const type = typeOfColumn(column);
      const whose = `"${family.name}" of ${family.file}`;
      const known = this.#types.get(column.name) ?? { type, whose };
      this.#types.set(column.name, known);
      if (known.type === type) return [];
      return [`${column.name} is a ${type} in ${whose} and a ${known.type} in ${known.whose}: it needs another name`];
    });
  }
}
