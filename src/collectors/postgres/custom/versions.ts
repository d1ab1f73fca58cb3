/** Versions of a server: any of the alternatives, each of which is a list of conditions that all hold. */
export type VersionRange = readonly (readonly Condition[])[];

interface Condition {
  readonly operator: '<' | '<=' | '>' | '>=' | '=' | '!=';
  /** As `server_version_num`, e.g. 150020. */
  readonly version: number;
}

export const anyVersion: VersionRange = [[]];

/**
 * `>=14`, `>=12 <17`, `<13 || >=15.4`: conditions beside each other all hold, `||` separates alternatives. A version is a
 * major one, or major and minor; three numbers, as postgres_exporter wants them, are read as well. Undefined when it is none.
 */
export function parseVersionRange(text: string): VersionRange | undefined {
  const alternatives = text.split('||').map((part) => parseConditions(part.trim()));
  return alternatives.every((conditions) => conditions !== undefined) ? alternatives : undefined;
}

function parseConditions(text: string): Condition[] | undefined {
  const conditions: Condition[] = [];
  let rest = text.replaceAll(',', ' ');
  while (rest.trim() !== '') {
    const found = /^\s*(?<operator>>=|<=|!=|==|=|>|<|!)?\s*(?<major>\d+)(\.(?<minor>\d+))?(\.\d+)?(?=\s|[<>=!]|$)/.exec(
      rest,
    );
    if (found?.groups === undefined) return undefined;
    const { operator = '=', major, minor = '0' } = found.groups;
    conditions.push({ operator: standardOperator(operator), version: Number(major) * 10_000 + Number(minor) });
    rest = rest.slice(found[0].length);
  }
  return conditions.length === 0 ? undefined : conditions;
}

function standardOperator(operator: string): Condition['operator'] {
  if (operator === '==') return '=';
  return operator === '!' ? '!=' : (operator as Condition['operator']);
}

/** `version` as `server_version_num`. */
export function fitsVersion(range: VersionRange, version: number): boolean {
  return range.some((conditions) => conditions.every((condition) => holds(condition, version)));
}

function holds({ operator, version: wanted }: Condition, version: number): boolean {
  switch (operator) {
    case '<':
      return version < wanted;
    case '<=':
      return version <= wanted;
    case '>':
      return version > wanted;
    case '>=':
      return version >= wanted;
    case '=':
      return version === wanted;
    case '!=':
      return version !== wanted;
  }
}
