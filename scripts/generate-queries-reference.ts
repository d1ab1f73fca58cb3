import { queryFileJsonSchema } from '../src/config/json-schema.ts';
import { renderReference } from './generate-configuration-reference.ts';

/** `docs/custom-queries-reference.md`: every key of a file with families of the user's own, from the schema. */
export function renderQueriesReference(): string {
  return renderReference(introduction, queryFileJsonSchema());
}

/** `queries.schema.json`, for editors. */
export function renderQueriesSchema(): string {
  return `${JSON.stringify({ ...queryFileJsonSchema(), title: 'Families of metrics in SQL, for Watchkeeper' }, null, 2)}\n`;
}

const introduction = `# Files with families of your own

<!-- Written by \`npm run generate\` from the schema. Change the descriptions there. -->

What may stand in a file that \`watch.customQueries\` names; [custom-queries.md](custom-queries.md) says how to begin.
\`queries.schema.json\` lets editors complete and check: begin the file with
\`# yaml-language-server: $schema=…/queries.schema.json\`.

**Durations** are written as \`500ms\`, \`30s\`, \`5m\`, \`12h\`, \`1h30m\`. **Versions** are conditions beside each other that all
hold, with \`||\` between alternatives: \`>=14\`, \`>=12 <17\`, \`<13 || >=15.4\`. \`14\` is every 14.x. YAML anchors and merge keys
(\`<<\`) work; \`\${NAME}\` is not filled in.`;
