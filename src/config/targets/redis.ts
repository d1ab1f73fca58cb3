import { z } from 'zod';
import { redisWatchSettings } from '../../collectors/redis/settings.ts';
import { redisModes } from '../../targets/redis/settings.ts';

const tls = z
  .strictObject({
    ca: z.string().optional().describe('PEM file of the authority; absent: the system’s authorities.'),
    certificate: z.string().optional().describe('PEM file of our certificate, where the server asks for one.'),
    key: z.string().optional().describe('PEM file of its key.'),
    serverName: z.string().optional().describe('Name that the server’s certificate must have; absent: the host’s.'),
    verify: z.boolean().default(true).describe('Whether the server’s certificate is verified.'),
  })
  .describe('TLS, which `rediss://` switches on.');

const secret = z.string().optional();

export const redisTarget = z
  .strictObject({
    engine: z.literal('redis'),
    url: z
      .string()
      .describe(
        '`redis://host:port`, `rediss://host:port` (TLS) or `unix:///path/of/socket`; several hosts stand between commas: `redis://a:26379,b:26379`.',
      ),
    mode: z
      .enum(redisModes)
      .default('standalone')
      .describe(
        '`standalone`: this server. `cluster`: every node of the cluster that this node belongs to. `sentinel`: these Sentinels, the masters they watch and their replicas.',
      ),
    username: z.string().min(1).optional().describe('User of the access control list; absent: the default user.'),
    password: secret.describe('Password; a reference such as `file:/run/secrets/cache` or `${CACHE_PASSWORD}`.'),
    sentinelUsername: z.string().min(1).optional().describe('User of the Sentinels, which have users of their own.'),
    sentinelPassword: secret.describe('Password of the Sentinels; a reference, as above. Absent: none is sent.'),
    tls: tls.optional(),
    watch: redisWatchSettings.prefault({}).describe('How the server is watched.'),
  })
  .describe('A Redis or Valkey server, a cluster, or Sentinels with what they watch.');

export type RedisTargetConfig = z.infer<typeof redisTarget>;
