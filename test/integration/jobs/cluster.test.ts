import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { systemClock } from '../../../src/core/clock.ts';
import { unprivilegedUser } from '../../../src/core/unprivileged-user.ts';
import { startCluster } from '../../../src/targets/postgres/cluster.ts';
import { startTestCluster, testClusterPrefix, testInstallation } from '../../support/postgres.ts';

test('a server whose port is taken, even by another PostgreSQL, is told as not started', async () => {
  await using other = await startTestCluster();
  const starting = startCluster({
    installation: await testInstallation(),
    user: await unprivilegedUser(),
    clock: systemClock,
    signal: AbortSignal.timeout(60_000),
    name: testClusterPrefix,
    port: other.access.connection.port,
    settings: { fsync: 'off' },
  });

  await expect(starting).rejects.toThrow(/starting PostgreSQL .*Address already in use/s);
});

test('a port that answers but is no PostgreSQL is told as well', async () => {
  const server = createServer((socket) => socket.end());
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const starting = startCluster({
    installation: await testInstallation(),
    user: await unprivilegedUser(),
    clock: systemClock,
    signal: AbortSignal.timeout(60_000),
    name: testClusterPrefix,
    port,
  });

  await expect(starting).rejects.toThrow('Address already in use');
  server.close();
});
