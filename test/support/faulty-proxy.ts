import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { Transform } from 'node:stream';
import { listenOnLoopback } from './loopback-server.ts';

/**
 * What the proxy does with a request: pass it on, answer with a status, cut the connection, or never answer.
 * `lose_answer`: the service does what it was asked, but the connection is cut instead of the answer.
 * `cut_body`, `stall_body`: half of the first chunk of the answer's body, then an end or nothing more; `cutAfterBytes`,
 * `stallAfterBytes`: so many bytes of it.
 * `ignore_condition`: the service never sees `If-None-Match`, as if it did not know it.
 * `flip_bit`: one bit of the request's body arrives changed. `flip_answer`: one bit of the answer's body does.
 */
export type ProxyFault =
  | { readonly status: number }
  | { readonly cutAfterBytes: number }
  | { readonly stallAfterBytes: number }
  | 'reset'
  | 'stall'
  | 'lose_answer'
  | 'cut_body'
  | 'stall_body'
  | 'flip_bit'
  | 'flip_answer'
  | 'ignore_condition'
  | undefined;
type PassedOnFault = Exclude<ProxyFault, { readonly status: number } | 'reset' | 'stall'>;

export interface FaultyProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** `PUT /bucket/key?partNumber=2`, in the order of arrival. */
  readonly requests: readonly string[];
}

/** An HTTP proxy in front of `target` that spoils the requests which `choose` picks (by method, path and number from 0). */
export async function startFaultyProxy(
  target: string,
  choose: (request: {
    readonly method: string;
    readonly path: string;
    readonly number: number;
    readonly isConditional: boolean;
  }) => ProxyFault,
): Promise<FaultyProxy> {
  const requests: string[] = [];
  const server = createServer((incoming, outgoing) => {
    const method = incoming.method ?? '';
    const path = incoming.url ?? '';
    const fault = choose({
      method,
      path,
      number: requests.length,
      isConditional: incoming.headers['if-none-match'] !== undefined,
    });
    requests.push(`${method} ${path}`);
    if (fault === 'stall') incoming.resume();
    else if (fault === 'reset') incoming.socket.resetAndDestroy();
    else if (typeof fault === 'object' && 'status' in fault) refuse(incoming, outgoing, fault.status);
    else passOn(target, incoming, outgoing, fault);
  });
  const listening = await listenOnLoopback(server);
  return {
    endpoint: listening.url,
    requests,
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}

function refuse(incoming: IncomingMessage, outgoing: ServerResponse, status: number): void {
  incoming.resume();
  incoming.on('end', () => {
    const code = ({ 503: 'SlowDown', 501: 'NotImplemented' } as Record<number, string>)[status] ?? 'InternalError';
    outgoing.writeHead(status, { 'content-type': 'application/xml' });
    outgoing.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message></Error>`);
  });
}

function passOn(target: string, incoming: IncomingMessage, outgoing: ServerResponse, fault: PassedOnFault): void {
  const url = new URL(incoming.url ?? '/', target);
  const headers = { ...incoming.headers };
  if (fault === 'ignore_condition') delete headers['if-none-match'];
  const onward = request(url, { method: incoming.method ?? 'GET', headers }, (answer) => {
    if (fault === 'lose_answer') {
      answer.resume();
      answer.on('end', () => outgoing.destroy());
      return;
    }
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
    if (fault === 'flip_answer') {
      answer.pipe(flippingOneBit()).pipe(outgoing);
      return;
    }
    if (typeof fault === 'object') {
      endAfter(answer, outgoing, fault);
      return;
    }
    if (fault !== 'cut_body' && fault !== 'stall_body') {
      answer.pipe(outgoing);
      return;
    }
    answer.once('data', (chunk: Buffer) => {
      const half = chunk.subarray(0, Math.max(1, Math.floor(chunk.length / 2)));
      outgoing.write(half, () => (fault === 'cut_body' ? outgoing.destroy() : undefined));
      answer.destroy();
    });
  });
  onward.on('error', () => outgoing.destroy());
  if (fault === 'flip_bit') incoming.pipe(flippingOneBit()).pipe(onward);
  else incoming.pipe(onward);
}

function endAfter(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  fault: { readonly cutAfterBytes: number } | { readonly stallAfterBytes: number },
): void {
  let leftBytes = 'cutAfterBytes' in fault ? fault.cutAfterBytes : fault.stallAfterBytes;
  answer.on('data', (chunk: Buffer) => {
    const passed = chunk.subarray(0, leftBytes);
    leftBytes -= passed.length;
    outgoing.write(passed, () => (leftBytes === 0 && 'cutAfterBytes' in fault ? outgoing.destroy() : undefined));
    if (leftBytes === 0) answer.destroy();
  });
  answer.on('end', () => outgoing.end());
}

function flippingOneBit(): Transform {
  let flipped = false;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const changed = Buffer.from(chunk);
      if (!flipped) changed[Math.floor(changed.length / 2)]! ^= 16;
      flipped = true;
      done(null, changed);
    },
  });
}
