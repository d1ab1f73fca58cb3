import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** Where a server listens; disposing cuts its connections, for clients may keep theirs open. */
export interface LoopbackServer extends AsyncDisposable {
  /** `http://` and no path; of a server with TLS the port alone is of use. */
  readonly url: string;
  readonly port: number;
}

/** Lets a server listen on a free port of this machine alone. */
export async function listenOnLoopback(server: Server): Promise<LoopbackServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
