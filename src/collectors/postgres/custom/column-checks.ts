import type { Table } from '../../../targets/postgres/session.ts';
import { type Holding, holdingOf, typeName } from './column-types.ts';
import { type CustomColumn, type CustomFamily, columnsOf, type ValueColumn } from './family.ts';

export interface ColumnRemarks {
  /** The family cannot be shown. */
  readonly problems: readonly string[];
  /** Something is left out. */
  readonly notes: readonly string[];
}

type Columns = Table['columns'];

/** How the result's columns differ from what the file says; also with no row. */
export function checkColumns({ columns: described, reading }: CustomFamily, columns: Columns): ColumnRemarks {
  const found = described.filter(({ kind }) => kind !== 'ignored').flatMap((column) => remarksOf(column, columns));
  if (reading === 'strict') return { problems: found.map(({ message }) => message), notes: [] };
  // postgres_exporter goes on without a column; a label it takes from another column then, which is no use to anybody.
  const isFatal = ({ column, isMissing }: Remark) => column.kind === 'label' && isMissing;
  return {
    problems: found.filter(isFatal).map(({ message }) => message),
    notes: found.filter((remark) => !isFatal(remark) && remark.isMissing).map(({ message }) => message),
  };
}

interface Remark {
  readonly column: CustomColumn;
  readonly isMissing: boolean;
  readonly message: string;
}

function remarksOf(column: CustomColumn, columns: Columns): Remark[] {
  return columnsOf(column).flatMap((name): Remark[] => {
    const [one, second] = columns.filter((candidate) => candidate.name === name);
    const remark = (what: string, isMissing = false) => [{ column, isMissing, message: `column "${name}" ${what}` }];
    if (one === undefined) return remark('is not in the result', true);
    if (second !== undefined) return remark('is twice in the result');
    const wrong = wrongHolding(column, name, holdingOf(one.typeId));
    return wrong === undefined ? [] : remark(`is ${typeName(one.typeId)}: ${wrong}`);
  });
}

/** What to do about a column that cannot hold what the file says; undefined when it can. */
function wrongHolding(column: CustomColumn, name: string, holding: Holding): string | undefined {
  if (holding === 'other') return undefined;
  if (column.kind === 'value') return wrongValue(column, holding);
  if (column.kind !== 'histogram') return undefined;
  if (name === column.column || name === `${column.column}_bucket`) {
    return holding === 'array' ? undefined : 'it must be an array of numbers';
  }
  return holding === 'number' ? undefined : 'it must be a number';
}

function wrongValue({ holds, values }: ValueColumn, holding: Holding): string | undefined {
  if (values !== undefined || holding === 'number') return undefined;
  switch (holds) {
    case 'instant':
      return holding === 'instant' ? undefined : 'a timestamp must be an instant, or seconds since 1970';
    case 'interval':
      return holding === 'interval' ? undefined : 'a duration must be an interval, or seconds';
    case 'number':
      return holding === 'boolean' ? undefined : wrongNumber(holding);
    case 'duration':
      return undefined;
  }
}

function wrongNumber(holding: Holding): string {
  switch (holding) {
    case 'instant':
      return 'not a number; the type "timestamp" shows it in seconds since 1970';
    case 'interval':
      return 'not a number; the type "duration" shows it in seconds';
    case 'text':
      return 'not a number; cast it, or give numbers for its texts by "values"';
    default:
      return 'not a number';
  }
}
