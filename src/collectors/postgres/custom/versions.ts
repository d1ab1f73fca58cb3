/** Versions of a server: any of the alternatives, each of which is a list of conditions that all hold. */
export type VersionRange = readonly (readonly Condition[])[];

type Operator = '<' | '<=' | '>' | '>=' | '=' | '!=';

interface Condition {
  readonly operator: Operator;
  /** The versions meant by what was written: `14` is all from 14.0 up to 15; as `server_version_num`, e.g. 150020. */
  readonly from: number;
  readonly below: number;
}

export const anyVersion: VersionRange = [[]];

/**
 * `>=14`, `>=12 <17`, `<13 || >=15.4`: conditions beside each other all hold, `||` separates alternatives. A version is a
 * major one, or major and minor; three numbers and `14.x`, as postgres_exporter has them, are read as well. Undefined when it
 * is none.
 */
export function parseVersionRange(text: string): VersionRange | undefined {
  const alternatives = text.split('||').map((part) => parseConditions(part.trim()));
  return alternatives.every((conditions) => conditions !== undefined) ? alternatives : undefined;
}

const conditionPattern =
  /^\s*(?<operator>>=|<=|!=|==|=|>|<|!)?\s*(?<major>\d+)(\.(?<minor>\d+|x|\*))?(\.(\d+|x|\*))?(?=\s|[<>=!]|$)/;

function parseConditions(text: string): Condition[] | undefined {
  const conditions: Condition[] = [];
  let rest = text.replaceAll(',', ' ');
  while (rest.trim() !== '') {
    const found = conditionPattern.exec(rest);
    if (found?.groups === undefined) return undefined;
    conditions.push(toCondition(found.groups));
    rest = rest.slice(found[0].length);
  }
  return conditions.length === 0 ? undefined : conditions;
}

function toCondition({ operator = '=', major, minor }: Readonly<Record<string, string | undefined>>): Condition {
  const isWhole = minor === undefined || minor === 'x' || minor === '*';
  const from = Number(major) * 10_000 + (isWhole ? 0 : Number(minor));
  return { operator: standardOperator(operator), from, below: isWhole ? from + 10_000 : from + 1 };
}

function standardOperator(operator: string): Operator {
  if (operator === '==') return '=';
  return operator === '!' ? '!=' : (operator as Operator);
}

/** `version` as `server_version_num`. */
export function fitsVersion(range: VersionRange, version: number): boolean {
  return range.some((conditions) => conditions.every((condition) => holds(condition, version)));
}

function holds({ operator, from, below }: Condition, version: number): boolean {
  switch (operator) {
    case '<':
      return version < from;
    case '<=':
      return version < below;
    case '>':
      return version >= below;
    case '>=':
      return version >= from;
    case '=':
      return version >= from && version < below;
    case '!=':
      return version < from || version >= below;
  }
}
