import { nameSome } from '../core/name-some.ts';
import { factLabel } from './backup/fact-label.ts';
import { JobFailed } from './job.ts';
import type { Manifest } from './manifest.ts';

/**
 * How much of its database a backup holds. `reduced`: all but what was left out. `part`: chosen schemas or tables, or
 * definitions without rows. `roles`: no database, but roles and tablespaces of a server.
 */
export type ExtentKind = 'whole' | 'reduced' | 'part' | 'roles';

export interface Extent {
  readonly kind: ExtentKind;
  /** For people: `the whole database`, `definitions without rows`, `tables public.orders, public.lines`. */
  readonly text: string;
}

/** Of an encrypted backup it is sealed with the details: undefined for a manifest that was not opened. */
export function extentOf({
  method,
  selection,
  details,
}: Pick<Manifest, 'method' | 'selection' | 'details'>): Extent | undefined {
  if (method === 'postgres-globals/1') return { kind: 'roles', text: 'roles and tablespaces' };
  if (details !== undefined) return undefined;
  if (selection === undefined) return { kind: 'whole', text: 'the whole database' };
  const { content, schemas, tables, withoutSchemas = [], withoutTables = [], withoutData = [] } = selection;
  const chosen = [...listed('schema', schemas), ...listed('table', tables?.map(label))];
  const left = [
    ...listed('schema', withoutSchemas),
    ...listed('table', withoutTables.map(label)),
    ...listed('rows of table', withoutData.map(label), 'rows of tables'),
  ];
  // A backup of content `data` has the definitions beside it.
  const isPart = content === 'schema' || chosen.length > 0;
  const what = chosen.length > 0 ? chosen.join(', ') : 'the whole database';
  const text = [
    content === 'schema' ? `definitions without rows${chosen.length > 0 ? ` of ${what}` : ''}` : what,
    ...(left.length > 0 ? [`without ${left.join(', ')}`] : []),
  ].join(' ');
  if (isPart) return { kind: 'part', text };
  return { kind: left.length > 0 ? 'reduced' : 'whole', text };
}

function label({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return factLabel(schema, name);
}

function listed(one: string, names: readonly string[] | undefined, several = `${one}s`): string[] {
  if (names === undefined || names.length === 0) return [];
  return [`${names.length === 1 ? one : several} ${nameSome(names)}`];
}

/** Of a backup that does not hold all of its database, and of nothing else. */
export function extentNote(extent: Extent | undefined): readonly string[] {
  return extent === undefined || extent.kind === 'whole' ? [] : [`the backup holds ${extent.text}`];
}

/** A database with less in it must not take the place of one, even by mistake. */
export function partForWhole({ id }: Pick<Manifest, 'id'>, { text }: Extent): JobFailed {
  const what = `backup ${id} holds ${text}`;
  return new JobFailed(
    'refused',
    `${what}, which cannot take the place of a whole database: restore it beside it; nothing was touched`,
  );
}

export function rolesForDatabase({ id }: Pick<Manifest, 'id'>): JobFailed {
  const how = 'load its SQL with psql, see docs/backup-format.md; nothing was touched';
  return new JobFailed('error', `backup ${id} holds roles and tablespaces of a server and no database: ${how}`);
}
