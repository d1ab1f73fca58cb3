import type { Redrive } from './source.ts';

/** Where messages go that were received too often, as the attribute `RedrivePolicy` says; undefined where it says nothing. */
export function parseRedrivePolicy(policy: string | undefined): Redrive | undefined {
  const { deadLetterTargetArn, maxReceiveCount } = parseObject(policy);
  if (typeof deadLetterTargetArn !== 'string') return undefined;
  // AWS gives a number, and what was set as a text stays one.
  const count = Number(maxReceiveCount);
  return {
    deadLetterArn: deadLetterTargetArn,
    deadLetterQueue: deadLetterTargetArn.split(':').at(-1) ?? '',
    maxReceiveCount: Number.isInteger(count) && count > 0 ? count : undefined,
  };
}

function parseObject(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const parsed: unknown = JSON.parse(text ?? '{}');
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
