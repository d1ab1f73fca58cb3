import { expect, test } from 'vitest';
import {
  inPasses,
  selectEntries,
  subscriptionsIn,
  withoutForeignKeys,
  withoutPublicSchema,
} from '../../../src/jobs/backup/toc-selection.ts';

const list = `;
; Archive created at 2026-11-21 10:00:00 UTC
;     dbname: shop
;
5; 2615 2200 SCHEMA - public pg_database_owner
217; 1259 16390 TABLE public orders shop
3410; 0 16390 TABLE DATA public orders shop
3411; 0 16400 TABLE DATA public orders old shop
3412; 0 16410 TABLE DATA public customers Web Shop
3413; 0 16420 TABLE DATA sales orders shop
3420; 0 0 SEQUENCE SET public orders_id_seq shop
3300; 2606 16396 CONSTRAINT public orders orders_pkey shop
3301; 1259 16397 INDEX public orders_at shop
3302; 2606 16398 FK CONSTRAINT public orders orders_customer_fkey shop
3303; 2606 16399 FK CONSTRAINT public orders_old orders_old_fkey shop
3304; 0 0 COMMENT public CONSTRAINT orders_customer_fkey ON orders shop
3305; 0 16430 MATERIALIZED VIEW DATA public totals shop
`;
const table = (schema: string, name: string) => ({ schema, name, isPartitioned: false });
const owners = ['shop', 'Web Shop', 'postgres'];

test('rows of a table are told from those of one whose name begins alike or stands in another schema', () => {
  const { data } = selectEntries(list, [table('public', 'orders')], owners);

  expect(data).toBe(`3410; 0 16390 TABLE DATA public orders shop
3420; 0 0 SEQUENCE SET public orders_id_seq shop
`);
});

test('a name with a line break stands in a list with a space', () => {
  const entries =
    '3414; 0 16440 TABLE DATA public two lines shop\n3415; 2606 16441 FK CONSTRAINT public two lines to_shop shop\n';

  const { data, foreignKeys } = selectEntries(entries, [table('public', 'two\nlines')], owners);

  expect(data).toContain('3414; ');
  expect(foreignKeys).toContain('3415; ');
});

test('an owner with a space is no part of the name', () => {
  const { data } = selectEntries(list, [table('public', 'customers')], owners);

  expect(data).toContain('3412; ');
  expect(data).not.toContain('3410; ');
});

test('a table may belong to a role of the server itself, which no list of roles names', () => {
  const entries = `3414; 0 16440 TABLE DATA public orders pg_database_owner
3302; 2606 16398 FK CONSTRAINT public orders orders_customer_fkey pg_database_owner
`;
  const key = { schema: 'public', table: 'orders', name: 'orders_customer_fkey' };

  expect(selectEntries(entries, [table('public', 'orders')], owners).data).toContain('3414; ');
  expect(withoutForeignKeys(entries, [key], owners)).not.toContain('3302; ');
});

test('foreign keys of the chosen tables come last, with their comments; views are not filled from nothing', () => {
  const { afterData, foreignKeys } = selectEntries(list, [table('public', 'orders')], owners);

  expect(foreignKeys.split('\n').map((line) => line.slice(0, 4))).toEqual(['3302', '3304', '']);
  for (const kept of ['3300', '3301', '3303']) expect(afterData).toContain(`${kept}; `);
  for (const left of ['3302', '3304', '3305']) expect(afterData).not.toContain(`${left}; `);
});

test('foreign keys are left out by table and name, with comments on them', () => {
  const more = `${list}3306; 2606 16450 FK CONSTRAINT public orders to it Web Shop
3307; 0 0 COMMENT public CONSTRAINT "to it" ON orders Web Shop
3308; 2606 16451 FK CONSTRAINT public orders to shop
`;
  const key = (name: string) => ({ schema: 'public', table: 'orders', name });
  const leftOut = (...names: string[]) => {
    const kept = new Set(withoutForeignKeys(more, names.map(key), owners).split('\n'));
    return more.split('\n').flatMap((line) => (kept.has(line) ? [] : [line.slice(0, 4)]));
  };

  expect(leftOut()).toEqual([]);
  expect(leftOut('orders_customer_fkey')).toEqual(['3302', '3304']);
  expect(leftOut('to it')).toEqual(['3306', '3307']);
  expect(leftOut('to')).toEqual(['3308']);
  expect(leftOut('old_fkey', 'to it Web')).toEqual([]);
});

test('only the schema public itself is left out of a list', () => {
  expect(list.replace(withoutPublicSchema(list), '')).not.toBe('');
  expect(withoutPublicSchema(list)).toBe(list.replace('5; 2615 2200 SCHEMA - public pg_database_owner\n', ''));
});

test('rights come after all objects, and what needs them comes last', () => {
  const more = `${list}3310; 0 0 ACL public TABLE orders shop
3311; 0 0 DEFAULT ACL public DEFAULT PRIVILEGES FOR TABLES shop
3312; 3466 16500 EVENT TRIGGER - watch_ddl postgres
3313; 0 0 COMMENT - EVENT TRIGGER watch_ddl postgres
3314; 0 0 INDEX ATTACH public events_new_what_idx shop
`;
  const { first, attachments, afterRows, rights, last } = inPasses(more);
  const ids = (entries: string) => [...entries.matchAll(/^(\d+); /gm)].map(([, id]) => id);

  expect(ids(rights)).toEqual(['3310', '3311']);
  expect(ids(last)).toEqual(['3305', '3312', '3313']);
  expect(ids(attachments)).toEqual(['3314']);
  expect(ids(afterRows)).toEqual(['3302', '3303', '3304']);
  expect(ids(first)).toEqual(['5', '217', '3410', '3411', '3412', '3413', '3420', '3300', '3301']);
});

test('what would meet rows that are still being loaded comes after them, with its comments', () => {
  const { first, afterRows, last } = inPasses(`3320; 2620 16600 TRIGGER Odd Schema events part shop
3321; 0 0 COMMENT Odd Schema TRIGGER part ON events shop
3322; 2606 16601 CHECK CONSTRAINT app events not_before shop
3323; 2606 16602 CONSTRAINT app events events_pkey shop
3324; 0 0 COMMENT app CONSTRAINT not_before ON events shop
3325; 0 0 COMMENT - EVENT TRIGGER watch_ddl postgres
3326; 0 0 COMMENT app COLUMN events.what shop
`);
  const ids = (entries: string) => [...entries.matchAll(/^(\d+); /gm)].map(([, id]) => id);

  expect(ids(afterRows)).toEqual(['3320', '3321', '3322', '3324']);
  expect(ids(first)).toEqual(['3323', '3326']);
  expect(ids(last)).toEqual(['3325']);
});

test('subscriptions are found by their entries alone', () => {
  const entries =
    '6100; 6100 16500 SUBSCRIPTION - moved shop\n6101; 0 0 COMMENT - SUBSCRIPTION moved shop\n6102; 1259 1 TABLE public SUBSCRIPTION shop\n';

  expect(subscriptionsIn(entries)).toEqual(['moved shop']);
});
