import { coerceError } from '../../core/errors.ts';
import { type ParsedRedisUrl, parseRedisUrl } from '../../targets/redis/url.ts';
import { formatPath, type SettingPath } from '../problem.ts';
import type { RedisTargetConfig } from '../targets/redis.ts';
import type { Check } from './check.ts';
import { checkSecret } from './servers.ts';

/** Whether URL, mode, users and TLS fit together, and the timeout into a scrape. */
export function checkRedis(check: Check, name: string, target: RedisTargetConfig): void {
  const path = ['targets', name];
  for (const key of ['password', 'sentinelPassword'] as const) {
    const value = target[key];
    if (value !== undefined) checkSecret(check, [...path, key], value);
  }
  const url = parseUrl(check, [...path, 'url'], target.url);
  if (url !== undefined) checkUrl(check, path, target, url);
  checkSentinelLogin(check, path, target);
  checkTimes(check, [...path, 'watch'], target.watch);
}

function parseUrl(check: Check, place: SettingPath, text: string): ParsedRedisUrl | undefined {
  try {
    return parseRedisUrl(text);
  } catch (error) {
    check.problem(place, coerceError(error).message);
    return undefined;
  }
}

function checkUrl(check: Check, path: SettingPath, target: RedisTargetConfig, url: ParsedRedisUrl): void {
  const place = [...path, 'url'];
  if (url.password !== undefined && target.password !== undefined) {
    check.problem(place, 'holds a password although "password" gives one; keep one of them');
  }
  if (url.username !== undefined && target.username !== undefined) {
    check.problem(place, 'holds a user although "username" gives one; keep one of them');
  }
  if (url.password !== undefined && isWrittenInPlainText(check, place, target.url)) {
    check.warning(
      place,
      'a password stands in the URL in plain text; move it to "password: file:…" or "password: ${ENV}"',
    );
  }
  if (target.mode === 'standalone' && url.addresses.length > 1) {
    check.problem(place, 'names several servers; that is for "mode: cluster" or "mode: sentinel"');
  }
  if (target.tls !== undefined && !url.tls) {
    check.problem([...path, 'tls'], 'means nothing without TLS: write rediss:// in the URL');
  }
  if ((target.tls?.certificate === undefined) !== (target.tls?.key === undefined)) {
    check.problem([...path, 'tls'], '"certificate" and "key" belong together: give both or neither');
  }
  if (target.tls?.verify === false) {
    check.warning([...path, 'tls', 'verify'], 'the password goes to whoever answers; give "ca" instead');
  }
}

function isWrittenInPlainText(check: Check, place: SettingPath, url: string): boolean {
  const written = check.references.get(formatPath(place))?.written ?? url;
  const password = /^[\w+]+:\/\/[^/@:]*:([^@/]*)@/.exec(written)?.[1] ?? '';
  return password !== '' && !password.includes('${');
}

function checkSentinelLogin(check: Check, path: SettingPath, target: RedisTargetConfig): void {
  if (target.mode === 'sentinel') return;
  for (const key of ['sentinelUsername', 'sentinelPassword'] as const) {
    if (target[key] !== undefined) check.problem([...path, key], 'is for "mode: sentinel"');
  }
}

/** Nodes are asked in two turns at most: those that are known, and those that are found by it. */
function checkTimes(check: Check, path: SettingPath, { nodeTimeout, keys }: RedisTargetConfig['watch']): void {
  const scrapeMs = check.config.scrape.timeout;
  if (nodeTimeout <= 0 || nodeTimeout * 2 >= scrapeMs) {
    const message = `must be more than 0 and less than half of "scrape.timeout" (${scrapeMs} ms)`;
    check.problem([...path, 'nodeTimeout'], message);
  }
  if (keys.timeLimit <= 0 || keys.timeLimit > nodeTimeout) {
    check.problem([...path, 'keys', 'timeLimit'], 'must be more than 0 and no more than "nodeTimeout"');
  }
}
