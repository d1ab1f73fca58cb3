import { z } from 'zod';
import { parseBytes } from './bytes.ts';
import { parseDuration } from './duration.ts';

/** `30s`, `1h30m`, `7d` → milliseconds. Defaults are given in milliseconds. */
export const durationMs = z
  .union([z.number().nonnegative(), z.string()])
  .transform((value, context) => {
    const ms = typeof value === 'number' ? value : parseDuration(value);
    if (ms !== undefined) return ms;
    context.addIssue({ code: 'custom', message: 'must be a duration such as 30s, 5m, 12h or 30d' });
    return z.NEVER;
  })
  .meta({ title: 'duration', examples: ['30s', '5m', '12h', '30d'] });

/** `512MiB`, `10GB`, `4096` → bytes. */
export const byteSize = z
  .union([z.number().nonnegative(), z.string()])
  .transform((value, context) => {
    const bytes = typeof value === 'number' ? value : parseBytes(value);
    if (bytes !== undefined) return bytes;
    context.addIssue({ code: 'custom', message: 'must be a size such as 512MiB or 10GB' });
    return z.NEVER;
  })
  .meta({ title: 'size', examples: ['512MiB', '10GB'] });

/** `20MiB/s`, `100 MB/s` → bytes per second. */
export const byteRate = z
  .string()
  .transform((value, context) => {
    const bytes = value.endsWith('/s') ? parseBytes(value.slice(0, -2)) : undefined;
    if (bytes !== undefined && bytes > 0) return bytes;
    context.addIssue({ code: 'custom', message: 'must be a rate such as 20MiB/s' });
    return z.NEVER;
  })
  .meta({ title: 'rate', examples: ['20MiB/s', '100MB/s'] });

/** Names of targets, stores and schedules: they become parts of keys and label values. */
export const partName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, 'must consist of letters, digits, ".", "_" and "-" (63 at most)');
