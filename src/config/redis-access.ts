import { resolve } from 'node:path';
import { literalSecret, type SecretSource } from '../core/secret.ts';
import type { RedisAccess, RedisTls } from '../targets/redis/settings.ts';
import { type ParsedRedisUrl, parseRedisUrl } from '../targets/redis/url.ts';
import { type AccessSurroundings, originAt, secretAt } from './access.ts';
import type { LoadedRedis } from './loaded.ts';
import type { SettingPath } from './problem.ts';
import type { RedisTargetConfig } from './targets/redis.ts';

/** What is needed to watch a Redis target. */
export function resolveRedis(name: string, target: RedisTargetConfig, around: AccessSurroundings): LoadedRedis {
  const access = resolveRedisAccess(target, ['targets', name], around);
  return { name, engine: target.engine, access, watch: target.watch, backups: [] };
}

function resolveRedisAccess(target: RedisTargetConfig, path: SettingPath, around: AccessSurroundings): RedisAccess {
  const url = parseRedisUrl(target.url);
  const login = {
    username: target.username ?? url.username,
    password: secretAt(target.password, [...path, 'password'], around) ?? passwordInside(url, path, around),
  };
  const sentinelLogin = {
    username: target.sentinelUsername,
    password: secretAt(target.sentinelPassword, [...path, 'sentinelPassword'], around),
  };
  return {
    mode: target.mode,
    addresses: url.addresses,
    login,
    sentinelLogin,
    tls: url.tls ? resolveTls(target.tls, around.folder) : undefined,
    database: url.database,
  };
}

function passwordInside(url: ParsedRedisUrl, path: SettingPath, around: AccessSurroundings): SecretSource | undefined {
  return url.password === undefined ? undefined : literalSecret(url.password, originAt([...path, 'url'], around));
}

function resolveTls(tls: RedisTargetConfig['tls'], folder: string): RedisTls {
  const at = (path: string | undefined) => (path === undefined ? undefined : resolve(folder, path));
  return {
    ca: at(tls?.ca),
    certificate: at(tls?.certificate),
    key: at(tls?.key),
    serverName: tls?.serverName,
    verify: tls?.verify ?? true,
  };
}
