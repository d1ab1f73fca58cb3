import { quoteIdentifier } from '../../targets/postgres/session.ts';
import type { OpenedManifest } from '../manifest.ts';
import type { ForeignKeyName } from './foreign-keys.ts';
import { isPublicNamed } from './public-schema.ts';

/** A table by schema and name, as they are, without quotes. */
export interface TableKey {
  readonly schema: string;
  readonly name: string;
  /** Its rows are those of its partitions. */
  readonly isPartitioned: boolean;
}

/** Tables of contents for `pg_restore --use-list`, of one for a whole dump. */
interface SelectedEntries {
  /** Rows of the chosen tables, and where all sequences stand. */
  readonly data: string;
  /** Indexes, constraints, triggers and whatever else follows the data, except the next. */
  readonly afterData: string;
  /** Foreign keys of the chosen tables: they fail where they point to rows that were not restored. */
  readonly foreignKeys: string;
}

/** What a restore makes of a dump: neither the schema `public` that was chosen by name nor foreign keys to what is not there. */
export function restorable(list: string, { selection, source }: Pick<OpenedManifest, 'selection' | 'source'>): string {
  const kept = withoutForeignKeys(list, selection?.withoutForeignKeys ?? [], source.roles);
  return isPublicNamed(selection) ? withoutPublicSchema(kept) : kept;
}

/** Leaves out foreign keys, and comments on them; `owners` as in {@link selectEntries}. */
export function withoutForeignKeys(list: string, keys: readonly ForeignKeyName[], owners: readonly string[]): string {
  if (keys.length === 0) return list;
  const left = new Set(keys.flatMap(entriesOf));
  const isOwner = ownersIn(owners);
  const kept = list.split('\n').filter((line) => {
    const entry = /^\d+; \d+ \d+ ((?:FK CONSTRAINT|COMMENT) .*)$/.exec(line)?.[1];
    return entry === undefined || !splitsAtSpace(entry).some(([what, who]) => left.has(what) && isOwner(who));
  });
  return kept.join('\n');
}

/** Besides roles that are created those of the server itself, whose names nobody else may have: `pg_database_owner`. */
function ownersIn(roles: readonly string[]): (who: string) => boolean {
  const listed = new Set(roles.map(asListed));
  return (who) => listed.has(who) || /^pg_\w+$/.test(who);
}

/** What comes before the owner, who comes last and may have spaces in the name as well. */
function splitsAtSpace(entry: string): (readonly [string, string])[] {
  return [...entry.matchAll(/ /g)].map(({ index }) => [entry.slice(0, index), entry.slice(index + 1)]);
}

/** A comment quotes what needs it, the key itself does not. */
function entriesOf({ schema, table, name }: ForeignKeyName): string[] {
  const both = (one: string) => [one, quoteIdentifier(one)];
  const comments = both(name).flatMap((key) => both(table).map((on) => `COMMENT ${schema} CONSTRAINT ${key} ON ${on}`));
  return [`FK CONSTRAINT ${schema} ${table} ${name}`, ...comments].map(asListed);
}

/** A dump that names the schema `public` makes it, but every database has one. */
export function withoutPublicSchema(list: string): string {
  const kept = list.split('\n').filter((line) => !/^\d+; \d+ \d+ SCHEMA - public /.test(line));
  return kept.join('\n');
}

/** Names of subscriptions, with their owners: `moved postgres`; a list does not tell where a name ends. */
export function subscriptionsIn(list: string): readonly string[] {
  return list.split('\n').flatMap((line) => /^\d+; \d+ \d+ SUBSCRIPTION - (.*)$/.exec(line)?.[1] ?? []);
}

/** The entries of a list in the order in which pg_restore must be given them; each empty where there are none. */
interface Passes {
  readonly first: string;
  readonly attachments: string;
  readonly afterRows: string;
  readonly rights: string;
  readonly last: string;
}

/**
 * With several jobs pg_restore grants rights in several sessions at once, although one may need another: who was given a right
 * with the option to grant it further needs a right to the schema before doing so. So rights come by themselves, for one
 * session, after all objects; what may need them comes last, as pg_restore has it. In the same way it attaches indexes of
 * partitions to that of their parent in several sessions, which wait for each other until the server ends one (deadlock
 * detected); and only a complete index can be referred to. And it makes triggers and checks of a partitioned table, or of one
 * that others inherit from, while rows of its partitions are still being loaded: these would fire, or refuse old rows that
 * were never checked.
 */
export function inPasses(list: string): Passes {
  const passes = { first: '', attachments: '', afterRows: '', rights: '', last: '' };
  for (const line of list.split('\n')) if (/^\d+; /.test(line)) passes[passOf(line)] += `${line}\n`;
  return passes;
}

const lastEntries = /^(EVENT TRIGGER|MATERIALIZED VIEW DATA|COMMENT - EVENT TRIGGER|SECURITY LABEL - EVENT TRIGGER) /;

/** With their comments; comments on constraints of other kinds come to no harm there. */
const afterRowsEntries = /^(FK CONSTRAINT|CHECK CONSTRAINT|TRIGGER|COMMENT .* (CONSTRAINT|TRIGGER)) /;

function passOf(line: string): keyof Passes {
  const entry = line.replace(/^\d+; \d+ \d+ /, '');
  if (/^(ACL|DEFAULT ACL) /.test(entry)) return 'rights';
  if (entry.startsWith('INDEX ATTACH ')) return 'attachments';
  if (lastEntries.test(entry)) return 'last';
  return afterRowsEntries.test(entry) ? 'afterRows' : 'first';
}

/**
 * Chooses from what `pg_restore --list` prints. A line is `217; 1259 16390 TABLE DATA public orders shop`, without quotes:
 * `owners` are all roles that were created, and decide where a name with spaces ends.
 */
export function selectEntries(list: string, tables: readonly TableKey[], owners: readonly string[]): SelectedEntries {
  const lines = list.split('\n').filter((line) => /^\d+; /.test(line));
  const wanted = new Set(tables.map(({ schema, name }) => asListed(`TABLE DATA ${schema} ${name}`)));
  const isOwner = ownersIn(owners);
  const isWanted = (entry: string) =>
    entry.startsWith('TABLE DATA ') && splitsAtSpace(entry).some(([what, who]) => wanted.has(what) && isOwner(who));
  const isForeignKey = (entry: string) => tables.some((table) => isForeignKeyOf(table, entry));
  const having = (fits: (entry: string) => boolean) =>
    `${lines.filter((line) => fits(line.replace(/^\d+; \d+ \d+ /, ''))).join('\n')}\n`;
  return {
    data: having((entry) => isWanted(entry) || entry.startsWith('SEQUENCE SET ')),
    // A materialized view would be computed from tables without their rows.
    afterData: having((entry) => !isForeignKey(entry) && !entry.startsWith('MATERIALIZED VIEW DATA ')),
    foreignKeys: having(isForeignKey),
  };
}

/** Also a comment on one, which would fail without it. */
function isForeignKeyOf({ schema, name }: TableKey, entry: string): boolean {
  if (entry.startsWith(asListed(`FK CONSTRAINT ${schema} ${name} `))) return true;
  if (!entry.startsWith(asListed(`COMMENT ${schema} CONSTRAINT `))) return false;
  return [name, quoteIdentifier(name)].some((on) => entry.includes(asListed(` ON ${on} `)));
}

/** A list has one line for each entry, whatever it is called. */
function asListed(entry: string): string {
  return entry.replaceAll(/[\r\n]/g, ' ');
}
