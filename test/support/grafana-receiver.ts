import { readFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { CertificateFiles } from './certificates.ts';
import { listenOnLoopback } from './loopback-server.ts';

export interface ReceivedRequest {
  readonly method: string;
  readonly path: string;
  readonly token: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** What the receiver does with a request: a status, or never an answer. Default: as Grafana does with a good one. */
export type Behaviour = (request: ReceivedRequest, number: number) => number | 'hang' | 'redirect' | 'page';

/** Takes annotations as Grafana does. */
export interface GrafanaReceiver extends AsyncDisposable {
  readonly url: string;
  /** Everything that came, in its order. */
  readonly requests: readonly ReceivedRequest[];
  /** What was taken. */
  readonly annotations: readonly ReceivedRequest['body'][];
  behave(behaviour: Behaviour): void;
}

export async function startGrafanaReceiver(certificate?: CertificateFiles): Promise<GrafanaReceiver> {
  const requests: ReceivedRequest[] = [];
  const annotations: ReceivedRequest['body'][] = [];
  let behaviour: Behaviour = () => 200;
  const answer = async (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const request = await parse(incoming);
    requests.push(request);
    const reaction = behaviour(request, requests.length);
    if (reaction === 'hang') return;
    if (reaction === 'redirect') outgoing.writeHead(302, { location: 'http://127.0.0.1:1/' }).end();
    else if (reaction === 'page') outgoing.writeHead(200, { 'content-type': 'text/html' }).end('<html>log in</html>');
    else {
      if (reaction === 200 && request.method === 'POST') annotations.push(request.body);
      const body =
        reaction === 200 ? { message: 'Annotation added', id: requests.length } : { message: 'no such luck' };
      outgoing.writeHead(reaction, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    }
  };
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse) => void answer(incoming, outgoing);
  const server = certificate === undefined ? createServer(listener) : createTlsServer(await pem(certificate), listener);
  const listening = await listenOnLoopback(server);
  return {
    url: `${certificate === undefined ? 'http' : 'https'}://127.0.0.1:${listening.port}`,
    requests,
    annotations,
    behave(next) {
      behaviour = next;
    },
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}

async function pem({ certificate, key }: CertificateFiles) {
  return { cert: await readFile(certificate), key: await readFile(key) };
}

async function parse(incoming: IncomingMessage): Promise<ReceivedRequest> {
  const text = Buffer.concat((await Array.fromAsync(incoming)) as Buffer[]).toString();
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    token: incoming.headers.authorization ?? '',
    body: text === '' ? {} : (JSON.parse(text) as Record<string, unknown>),
  };
}
