import { readFile } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { rootCertificates } from 'node:tls';
import { abortable } from '../../core/deadline.ts';
import type { SecretSource } from '../../core/secret.ts';
import type { Annotation } from './annotation.ts';
import type { GrafanaConfig } from './settings.ts';

/** Where annotations go; the token behind a source, `caFile` absolute. */
export type GrafanaAccess = Omit<GrafanaConfig, 'token'> & { readonly token: SecretSource };

/** Why Grafana did not take something. */
export class GrafanaFailed extends Error {
  override readonly name = 'GrafanaFailed';
  /** Another try may help: not reached, too late, 429 or 5xx. */
  readonly transient: boolean;
  /** Of the answer; undefined when there was none. */
  readonly status: number | undefined;

  constructor(message: string, options: ErrorOptions & { readonly transient: boolean; readonly status?: number }) {
    super(message, options);
    this.transient = options.transient;
    this.status = options.status;
  }
}

/** Writes one; resolves with its id. Rejects with {@link GrafanaFailed}, or the reason of the signal. */
export async function writeAnnotation(
  access: GrafanaAccess,
  annotation: Annotation,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { dashboardUid, tags } = access;
  const body = {
    ...(dashboardUid === undefined ? {} : { dashboardUID: dashboardUid }),
    time: annotation.startMs,
    timeEnd: annotation.endMs,
    tags: [...annotation.tags, ...tags],
    text: annotation.text,
  };
  const answer = await send(access, { method: 'POST', path: '/api/annotations', body }, signal);
  return idOf(answer);
}

/** Removes one. Rejects as {@link writeAnnotation} does. */
export async function deleteAnnotation(access: GrafanaAccess, id: number, signal: AbortSignal): Promise<void> {
  await send(access, { method: 'DELETE', path: `/api/annotations/${id}` }, signal);
}

function idOf(text: string): number | undefined {
  try {
    const { id } = JSON.parse(text) as { readonly id?: unknown };
    return typeof id === 'number' ? id : undefined;
  } catch (error) {
    // Something else than Grafana may answer 200: a login page of a proxy.
    throw new GrafanaFailed('the answer is not Grafana’s: is the address right?', { transient: false, cause: error });
  }
}

interface Request {
  readonly method: 'POST' | 'DELETE';
  readonly path: string;
  readonly body?: unknown;
}

/** Redirects are not followed: the token would go to wherever they lead. A token that was rotated is read again, once. */
async function send(access: GrafanaAccess, request: Request, signal: AbortSignal): Promise<string> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(access.timeout)]);
  try {
    const token = await tokenOf(access, within);
    const answer = await exchange(access, request, token, within);
    if (answer.status !== 401 || access.token.forget === undefined) return accepted(answer);
    access.token.forget();
    const newer = await tokenOf(access, within);
    return accepted(newer === token ? answer : await exchange(access, request, newer, within));
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof GrafanaFailed) throw error;
    throw within.aborted ? tooLate(access) : notReached(error);
  }
}

function tooLate({ timeout }: GrafanaAccess): GrafanaFailed {
  return new GrafanaFailed(`Grafana does not answer within ${timeout} ms`, { transient: true });
}

function notReached(cause: unknown): GrafanaFailed {
  return new GrafanaFailed('Grafana is not reached', { transient: true, cause });
}

async function tokenOf({ token }: GrafanaAccess, signal: AbortSignal): Promise<string> {
  try {
    return (await abortable(token.read(), signal)).reveal().trim();
  } catch (error) {
    signal.throwIfAborted();
    throw new GrafanaFailed('the token cannot be read', { transient: true, cause: error });
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function accepted({ status, text }: Answer): string {
  if (status >= 200 && status < 300) return text;
  const transient = status >= 500 || status === 429 || status === 408;
  throw new GrafanaFailed(`Grafana answers ${status}${saying(text)}`, { transient, status });
}

async function exchange(access: GrafanaAccess, given: Request, token: string, signal: AbortSignal): Promise<Answer> {
  const { method, path, body } = given;
  const url = new URL(`${access.url.replace(/\/+$/, '')}${path}`);
  const headers = { authorization: `Bearer ${token}`, accept: 'application/json', 'content-type': 'application/json' };
  const options = { method, signal, headers, ...(await trusting(access.caFile)) };
  const request = url.protocol === 'https:' ? httpsRequest(url, options) : httpRequest(url, options);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.once('response', resolve).once('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
  return { status: response.statusCode ?? 0, text: await textOf(response) };
}

async function trusting(caFile: string | undefined): Promise<{ ca?: string[] }> {
  if (caFile === undefined) return {};
  return { ca: [...rootCertificates, await readFile(caFile, 'utf8')] };
}

const mostAnswerBytes = 64 * 1_024;

async function textOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Buffer).length;
    if (bytes <= mostAnswerBytes) chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString();
}

/** Grafana says what is wrong in `message`; pages of proxies are not repeated. */
function saying(text: string): string {
  try {
    const { message } = JSON.parse(text) as { readonly message?: unknown };
    return typeof message === 'string' ? `: ${message.slice(0, 200)}` : '';
  } catch {
    return '';
  }
}
