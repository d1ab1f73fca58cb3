import { z } from 'zod';
import { durationMs } from '../../core/schema.ts';

const grafanaSettings = z.strictObject({
  url: z
    .url({ protocol: /^https?$/ })
    .refine((url) => !/^[a-z]+:\/\/[^/]*@/.test(url), 'must not hold a login: use "token"')
    .describe('Address of Grafana, with its sub-path if it has one, e.g. `https://grafana.example.com`.'),
  token: z
    .string()
    .min(1)
    .describe(
      'Token of a service account that may create and delete annotations (role Editor has both); a reference such as `file:/run/secrets/grafana`, `${GRAFANA_TOKEN}` or `aws-secret:grafana#token`.',
    ),
  dashboardUid: z
    .string()
    .regex(/^[A-Za-z0-9_-]{1,40}$/)
    .optional()
    .describe('Board to which they belong. Absent: to the whole organisation, found by their tags.'),
  tags: z
    .array(z.string().min(1).max(100))
    .max(20)
    .default([])
    .describe('Tags besides `watchkeeper`, the kind of job, how it ended, and `target:NAME`.'),
  timeout: durationMs
    .refine((ms) => ms > 0, 'must be longer than nothing')
    .default(10_000)
    .describe('An answer is waited for this long.'),
  caFile: z
    .string()
    .min(1)
    .optional()
    .describe('Certificates (PEM) trusted besides the usual ones, for a server with a CA of its own.'),
});
export type GrafanaConfig = z.infer<typeof grafanaSettings>;

/** Where events are written to, besides metrics and the log. */
export const annotationSettings = z.strictObject({
  grafana: grafanaSettings.optional().describe('Backups, proofs and retention as annotations of Grafana.'),
});
