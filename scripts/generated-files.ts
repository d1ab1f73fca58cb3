import { renderCompatibility } from './generate-compatibility.ts';
import { renderConfigSchema, renderConfigurationReference } from './generate-configuration-reference.ts';
import { renderMetricsReference } from './generate-metrics-reference.ts';
import { renderQueriesReference, renderQueriesSchema } from './generate-queries-reference.ts';

/** Files that are made from the code, by their path in the repository; a stale one fails the checks. */
export const generatedFiles: Readonly<Record<string, () => string>> = {
  'config.schema.json': renderConfigSchema,
  'docs/compatibility.md': renderCompatibility,
  'docs/configuration.md': renderConfigurationReference,
  'docs/custom-queries-reference.md': renderQueriesReference,
  'docs/metrics.md': renderMetricsReference,
  'queries.schema.json': renderQueriesSchema,
};
