import { quoteIdentifier } from '../../targets/postgres/session.ts';

/** `public.orders`; quoted where a dot in a name would make two tables one. */
export function factLabel(schema: string, name: string): string {
  return [schema, name].map((part) => (/[."]/.test(part) ? quoteIdentifier(part) : part)).join('.');
}
