const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;
const longHex = /\b[0-9a-f]{16,}\b/gi;
const segments = 4;

/** `session:8f14e45f…:cart` → `session:*:cart`, `user:17` → `user:*`. */
export function patternOf(key: string): string {
  const parts = key.replaceAll(uuid, '*').replaceAll(longHex, '*').replaceAll(/\d+/g, '*').split(':');
  return parts.length <= segments ? parts.join(':') : `${parts.slice(0, segments).join(':')}:…`;
}
