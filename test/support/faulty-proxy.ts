import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';

/** What the proxy does with a request: pass it on, answer with a status, cut the connection, or never answer. */
export type ProxyFault = { readonly status: number } | 'reset' | 'stall' | 'cut_body' | undefined;

export interface FaultyProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** `PUT /bucket/key?partNumber=2`, in the order of arrival. */
  readonly requests: readonly string[];
}

/** An HTTP proxy in front of `target` that spoils the requests which `choose` picks (by method, path and number from 0). */
export async function startFaultyProxy(
  target: string,
  choose: (request: { readonly method: string; readonly path: string; readonly number: number }) => ProxyFault,
): Promise<FaultyProxy> {
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const method = incoming.method ?? '';
    const path = incoming.url ?? '';
    const fault = choose({ method, path, number: requests.length });
    requests.push(`${method} ${path}`);
    if (fault === 'stall') incoming.resume();
    else if (fault === 'reset') incoming.socket.resetAndDestroy();
    else if (typeof fault === 'object') refuse(incoming, outgoing, fault.status);
    else passOn(target, incoming, outgoing, fault === 'cut_body');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the proxy has no port');
  return {
    endpoint: `http://127.0.0.1:${address.port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, status: number): void {
  incoming.resume();
  incoming.on('end', () => {
    const code = status === 503 ? 'SlowDown' : 'InternalError';
    outgoing.writeHead(status, { 'content-type': 'application/xml' });
    outgoing.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`);
  });
}

function passOn(target: string, incoming: IncomingMessage, outgoing: ServerResponse, cutBody: boolean): void {
  const url = new URL(incoming.url ?? '/', target);
  const onward = request(url, { method: incoming.method ?? 'GET', headers: { ...incoming.headers } }, (answer) => {
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (!cutBody) {
      answer.pipe(outgoing);
      return;
    }
    answer.once('data', (chunk: Buffer) => {
      outgoing.write(chunk.subarray(0, Math.max(1, Math.floor(chunk.length / 2))), () => outgoing.destroy());
      answer.destroy();
    });
  });
  onward.on('error', () => outgoing.destroy());
  incoming.pipe(onward);
}
