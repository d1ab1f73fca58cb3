import { expect, test } from 'vitest';
import { extentOf } from '../../../src/jobs/extent.ts';
import type { Selection } from '../../../src/jobs/manifest.ts';

const method = 'postgres-dump/1' as const;
const of = (selection: Selection | undefined) => extentOf({ method, selection });
const tables = (...names: string[]) => names.map((name) => ({ schema: 'public', name }));

test('a dump of everything is the whole database, and so are data with their definitions', () => {
  expect(of(undefined)).toEqual({ kind: 'whole', text: 'the whole database' });
  expect(of({ content: 'data' })).toEqual({ kind: 'whole', text: 'the whole database' });
});

test('what was left out is named', () => {
  expect(of({ content: 'all', withoutSchemas: ['logs'], withoutData: tables('a', 'b') })).toEqual({
    kind: 'reduced',
    text: 'the whole database without schema logs, rows of tables public.a, public.b',
  });
});

test('definitions, chosen schemas and chosen tables are a part, and of many the first are named', () => {
  expect(of({ content: 'schema' })).toEqual({ kind: 'part', text: 'definitions without rows' });
  expect(of({ content: 'schema', schemas: ['app'] })?.text).toBe('definitions without rows of schema app');
  expect(of({ content: 'all', tables: tables('a', 'b', 'c', 'd', 'e') })).toEqual({
    kind: 'part',
    text: 'tables public.a, public.b, public.c and 2 more',
  });
  expect(of({ content: 'data', schemas: ['app', 'b'], withoutTables: tables('x') })).toEqual({
    kind: 'part',
    text: 'schemas app, b without table public.x',
  });
});

test('roles are no database, and of what is sealed nothing is known', () => {
  expect(extentOf({ method: 'postgres-globals/1', details: 'sealed' })?.kind).toBe('roles');
  expect(extentOf({ method, details: 'sealed' })).toBeUndefined();
});
