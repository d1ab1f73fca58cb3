import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listenOnLoopback } from './loopback-server.ts';

/** A request to AWS, whatever its protocol. */
export interface FrontRequest {
  readonly method: string;
  readonly path: string;
  /** The call, where the protocol names it: `DescribeDBInstances`; empty for S3 and Lambda. */
  readonly call: string;
  readonly body: string;
  /** The header that signs it. */
  readonly authorization: string;
}

export interface FrontAnswer {
  readonly status: number;
  readonly contentType?: string;
  readonly body: string;
}

export interface AwsFront extends AsyncDisposable {
  readonly endpoint: string;
  readonly requests: readonly FrontRequest[];
}

/** Stands before a server that plays AWS: what `answer` does not answer goes through. For faults, and for what moto lacks. */
export async function startAwsFront(
  upstream: string,
  answer: (request: FrontRequest) => FrontAnswer | undefined,
): Promise<AwsFront> {
  const requests: FrontRequest[] = [];
  const server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const request = describe(incoming, body.toString());
    requests.push(request);
    const own = answer(request);
    if (own === undefined) await forward(upstream, incoming, body, outgoing);
    else {
      outgoing.writeHead(own.status, { 'content-type': own.contentType ?? 'text/xml' });
      outgoing.end(own.body);
    }
  });
  const listening = await listenOnLoopback(server);
  return {
    endpoint: listening.url,
    requests,
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}

function describe({ method = '', url = '', headers }: IncomingMessage, body: string): FrontRequest {
  const [, ofTarget] = String(headers['x-amz-target'] ?? '').split('.');
  const call = ofTarget ?? new URLSearchParams(body).get('Action') ?? '';
  return { method, path: url, call, body, authorization: headers.authorization ?? '' };
}

async function forward(
  upstream: string,
  { method = 'GET', url = '', headers }: IncomingMessage,
  body: Buffer,
  outgoing: ServerResponse,
): Promise<void> {
  const {
    connection: _connection,
    'transfer-encoding': _encoding,
    'content-length': _length,
    expect: _expect,
    ...others
  } = headers;
  const passed = Object.entries(others).map(([name, value]) => [name, String(value)] as [string, string]);
  const hasBody = method !== 'GET' && method !== 'HEAD';
  const answer = await fetch(`${upstream}${url}`, { method, headers: passed, ...(hasBody && { body }) });
  const bytes = Buffer.from(await answer.arrayBuffer());
  // The length of an object is all that an answer to HEAD has of it.
  const dropped = ['connection', 'transfer-encoding', ...(method === 'HEAD' ? [] : ['content-length'])];
  const kept = [...answer.headers].filter(([name]) => !dropped.includes(name));
  outgoing.writeHead(answer.status, Object.fromEntries(kept));
  outgoing.end(bytes);
}
