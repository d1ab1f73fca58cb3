import { configJsonSchema, type SettingSchema } from '../src/config/json-schema.ts';

interface Section {
  readonly title: string;
  readonly schema: SettingSchema;
}

/** `docs/configuration.md`: every setting with type, default and description, from the schema. */
export function renderConfigurationReference(): string {
  return renderReference(introduction, configJsonSchema());
}

/** A page about the settings that a schema allows. */
export function renderReference(opening: string, schema: SettingSchema): string {
  const sections = sectionsOf({ title: '', schema });
  return `${[opening, ...sections.map(renderSection)].join('\n\n')}\n`;
}

/** `config.schema.json`, for editors. Unlike the program it sees the file before \`\${ENV}\` is filled in. */
export function renderConfigSchema(): string {
  const schema = withReferences(configJsonSchema());
  return `${JSON.stringify({ ...schema, title: 'Configuration of Watchkeeper' }, null, 2)}\n`;
}

/** Every setting by its path, for the test that none is without a description. */
export function allSettings(
  whole: SettingSchema = configJsonSchema(),
): { readonly path: string; readonly schema: SettingSchema }[] {
  return sectionsOf({ title: '', schema: whole }).flatMap(({ title, schema }) =>
    Object.entries(schema.properties ?? {})
      .filter(([, setting]) => setting.const === undefined)
      .map(([name, setting]) => ({ path: title === '' ? name : `${title}.${name}`, schema: setting })),
  );
}

const introduction = `# Configuration

<!-- Written by \`npm run generate\` from the schema. Change the descriptions there. -->

Watchkeeper reads one YAML file, \`watchkeeper.yaml\` unless \`-c FILE\` names another one. \`watchkeeper check\` tells
everything that is wrong with it at once, then connects to what it names. \`config.example.yaml\` is a commented example,
and \`config.schema.json\` lets editors complete and check: begin the file with
\`# yaml-language-server: $schema=…/config.schema.json\`.

**References.** \`\${NAME}\` and \`\${NAME:-default}\` are filled in from the environment in every value, also where a number
or a truth value is wanted; \`$$\` stands for one \`$\`. A variable that is missing, or empty without a default, is an error.
A value that is only a reference with an empty default (\`\${NAME:-}\`) counts as left out when it comes out empty.

**Secrets** are written as \`file:/path\`, which is read at each use, so that a rotated password needs no restart, or as
\`\${NAME}\`. A secret in plain text is accepted with a warning. No message, log line or metric shows one.

**Paths** that are relative start at the folder of the configuration file.

**Durations** are written as \`500ms\`, \`30s\`, \`5m\`, \`12h\`, \`30d\`, \`1h30m\` (a bare number is milliseconds), **sizes** as \`4096\`,
\`512MiB\`, \`10GB\`. YAML anchors and merge keys (\`<<\`) work.

**Reload.** \`SIGHUP\` or \`POST /-/reload\` takes a changed file over when it is valid; otherwise the running configuration
stays. \`listen\` needs a restart.`;

/** The mapping itself, then those inside of it, depth first. */
function sectionsOf(section: Section): Section[] {
  const inner = Object.entries(section.schema.properties ?? {}).flatMap(([name, setting]) =>
    mappingsOf({ title: section.title === '' ? name : `${section.title}.${name}`, schema: setting }),
  );
  return [section, ...inner.flatMap(sectionsOf)];
}

/** Mappings with settings of their own behind a setting: itself, the entries of a record, the forms of a union. */
function mappingsOf({ title, schema }: Section): Section[] {
  const members = schema.oneOf ?? schema.anyOf;
  if (members !== undefined)
    return members.flatMap((member) => mappingsOf({ title: title + variantOf(member), schema: member }));
  if (schema.properties !== undefined) return [{ title, schema }];
  if (schema.items !== undefined) return mappingsOf({ title: `${title}[]`, schema: schema.items });
  const entry = schema.additionalProperties;
  return typeof entry === 'object' ? mappingsOf({ title: `${title}.NAME`, schema: entry }) : [];
}

function variantOf(schema: SettingSchema): string {
  const fixed = Object.entries(schema.properties ?? {}).find(([, setting]) => setting.const !== undefined);
  return fixed === undefined ? '' : ` (${fixed[0]}: ${fixed[1].const})`;
}

function renderSection({ title, schema }: Section): string {
  const heading = title === '' ? '## The file' : `## \`${title}\``;
  const rows = Object.entries(schema.properties ?? {}).map(([name, setting]) => {
    const cells = [`\`${name}\``, typeOf(setting), defaultOf(name, schema), setting.description ?? ''];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  });
  const table = ['| setting | type | default | |', '|---|---|---|---|', ...rows].join('\n');
  return [heading, ...(schema.description === undefined ? [] : [schema.description]), table].join('\n\n');
}

function defaultOf(name: string, parent: SettingSchema): string {
  const value = parent.properties?.[name]?.default;
  if (parent.required?.includes(name)) return '**required**';
  const isEmpty = typeof value === 'object' && value !== null && Object.keys(value).length === 0;
  return value === undefined || value === '' || isEmpty
    ? ''
    : `\`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function typeOf(schema: SettingSchema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``;
  if (schema.enum !== undefined) return `one of ${schema.enum.map((value) => `\`${value}\``).join(', ')}`;
  if (schema.title !== undefined) return schema.title;
  const members = schema.anyOf ?? schema.oneOf;
  if (members !== undefined) return [...new Set(members.map(typeOf))].join(' or ');
  switch (schema.type) {
    case 'string':
      return 'text';
    case 'boolean':
      return '`true` or `false`';
    case 'integer':
    case 'number':
      return numberType(schema);
    case 'array':
      return `list of ${schema.items === undefined ? 'anything' : typeOf(schema.items)}`;
    default:
      return recordType(schema);
  }
}

function numberType({ minimum, maximum }: SettingSchema): string {
  const isOpen = maximum === undefined || maximum === Number.MAX_SAFE_INTEGER;
  if (isOpen && minimum === undefined) return 'number';
  return isOpen ? `number, at least ${minimum}` : `number, ${minimum} to ${maximum}`;
}

function recordType(schema: SettingSchema): string {
  return typeof schema.additionalProperties === 'object'
    ? `names to ${typeOf(schema.additionalProperties)}`
    : 'settings';
}

const reference: SettingSchema & { readonly pattern: string } = { type: 'string', pattern: '\\$\\{' };

/** Lets a `${ENV}` reference stand wherever a plain text would be refused. */
function withReferences(schema: SettingSchema): SettingSchema {
  if (schema.const !== undefined || schema.title !== undefined) return schema;
  const isPlainText = schema.type === 'string' && !['enum', 'pattern', 'format'].some((key) => key in schema);
  const isLeaf = schema.type !== undefined && ['string', 'boolean', 'integer', 'number'].includes(schema.type);
  if (isLeaf && isPlainText) return schema;
  if (isLeaf) {
    const { description, default: fallback, ...rest } = schema;
    const shown = { ...(description && { description }), ...(fallback !== undefined && { default: fallback }) };
    return { ...shown, anyOf: [rest, reference] };
  }
  const { properties, additionalProperties, items, anyOf, oneOf } = schema;
  return {
    ...schema,
    ...(properties && { properties: mapValues(properties, withReferences) }),
    ...(typeof additionalProperties === 'object' && { additionalProperties: withReferences(additionalProperties) }),
    ...(items && { items: withReferences(items) }),
    ...(anyOf && { anyOf: anyOf.map(withReferences) }),
    ...(oneOf && { oneOf: oneOf.map(withReferences) }),
  };
}

function mapValues<T>(record: Readonly<Record<string, T>>, change: (value: T) => T): Record<string, T> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, change(value)]));
}
