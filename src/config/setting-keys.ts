import type { SettingSchema } from './json-schema.ts';
import type { SettingPath } from './problem.ts';

/** Every setting that may stand in the mapping at `path`, given what the file holds there (it decides the variant). */
export function knownKeys(whole: SettingSchema, path: SettingPath, data: unknown): string[] {
  let schemas: SettingSchema[] = [whole];
  let value = data;
  for (const step of path) {
    schemas = schemas.flatMap((schema) => variants(schema, value)).flatMap((schema) => below(schema, step));
    value = (value as Readonly<Record<string | number, unknown>> | undefined)?.[step];
  }
  const keys = schemas
    .flatMap((schema) => variants(schema, value))
    .flatMap(({ properties }) => Object.keys(properties ?? {}));
  return [...new Set(keys)];
}

/** A union's members that fit the discriminator (`type`, `engine`, …) of `value`. */
function variants(schema: SettingSchema, value: unknown): SettingSchema[] {
  const members = schema.anyOf ?? schema.oneOf;
  if (members === undefined) return [schema];
  return members.flatMap((member) => variants(member, value)).filter((member) => fits(member, value));
}

function fits(schema: SettingSchema, value: unknown): boolean {
  return Object.entries(schema.properties ?? {}).every(([key, { const: fixed }]) => {
    const given = (value as Readonly<Record<string, unknown>> | undefined)?.[key];
    return fixed === undefined || given === undefined || given === fixed;
  });
}

function below(schema: SettingSchema, step: string | number): SettingSchema[] {
  const found =
    typeof step === 'number'
      ? schema.items
      : (schema.properties?.[step] ??
        (schema.additionalProperties === false ? undefined : schema.additionalProperties));
  return typeof found === 'object' ? [found] : [];
}
