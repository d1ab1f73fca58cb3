import { z } from 'zod';
import { queryFileSettings } from '../collectors/postgres/custom/own-format.ts';
import { configSchema } from './schema.ts';

/** The part of JSON Schema that zod writes for our settings. */
export interface SettingSchema {
  readonly type?: string;
  /** `duration` and `size` are texts with a form of their own. */
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly properties?: Readonly<Record<string, SettingSchema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | SettingSchema;
  readonly items?: SettingSchema;
  readonly anyOf?: readonly SettingSchema[];
  readonly oneOf?: readonly SettingSchema[];
}

/** The schema of the configuration file, for editors and for the reference page. */
export function configJsonSchema(): SettingSchema {
  return jsonSchemaOf(configSchema);
}

/** The same for a file with families of the user's own. */
export function queryFileJsonSchema(): SettingSchema {
  return jsonSchemaOf(queryFileSettings);
}

function jsonSchemaOf(schema: z.ZodType): SettingSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      // zod leaves out defaults of settings that it transforms: what it knows is milliseconds, what people write is 30s.
      const { def } = zodSchema._zod;
      if (def.type !== 'default' || jsonSchema.default !== undefined) return;
      const { defaultValue } = def as z.core.$ZodDefaultDef;
      jsonSchema.default = jsonSchema.title === 'duration' ? durationText(Number(defaultValue)) : defaultValue;
    },
  }) as SettingSchema;
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const;

/** Milliseconds as the file has them, exactly: `9500ms`, `30s`, `6h`. */
function durationText(ms: number): string {
  const [unit, unitMs] = units.find(([, size]) => ms >= size && ms % size === 0) ?? ['ms', 1];
  return `${ms / unitMs}${unit}`;
}
