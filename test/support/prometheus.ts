import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { startProcess } from '../../src/core/run-process.ts';
import { freePort } from './free-port.ts';
import { listenOnLoopback } from './loopback-server.ts';
import { testProgram } from './promtool.ts';

/** Prometheus or Alertmanager as its own process. Disposing stops it. */
export interface MonitoringServer extends AsyncDisposable {
  readonly url: string;
}

/** Starts the distribution's Prometheus with a configuration; its data goes into `folder`. */
export async function startPrometheus(file: string, folder: string): Promise<MonitoringServer> {
  return startServer('prometheus', (listen) => [
    `--config.file=${file}`,
    `--storage.tsdb.path=${folder}`,
    `--web.listen-address=${listen}`,
    '--log.level=warn',
  ]);
}

/** Starts the distribution's Alertmanager with a configuration, alone. */
export async function startAlertmanager(file: string, folder: string): Promise<MonitoringServer> {
  const program = await testProgram('prometheus-alertmanager').catch(() => testProgram('alertmanager'));
  return startServer(program, (listen) => [
    `--config.file=${file}`,
    `--storage.path=${folder}`,
    `--web.listen-address=${listen}`,
    '--cluster.listen-address=',
    '--log.level=warn',
  ]);
}

async function startServer(program: string, args: (listen: string) => string[]): Promise<MonitoringServer> {
  const listen = `127.0.0.1:${await freePort()}`;
  const stop = new AbortController();
  const said: string[] = [];
  const path = program.includes('/') ? program : await testProgram(program);
  const running = startProcess(path, args(listen), { signal: stop.signal, onStderrLine: (line) => said.push(line) });
  running.stdout.resume();
  let end: unknown;
  const ended = running.exited.then(
    () => {
      end = 'exited';
    },
    (error) => {
      end = error;
    },
  );
  const server: MonitoringServer = {
    url: `http://${listen}`,
    async [Symbol.asyncDispose]() {
      stop.abort(new Error('the test is over'));
      await ended;
    },
  };
  for (let attempt = 0; attempt < 300; attempt++) {
    if (end !== undefined) throw new Error(`${program} ended (${String(end)}): ${said.join('\n')}`);
    const ready = await fetch(`${server.url}/-/ready`).catch(() => undefined);
    if (ready?.ok === true) return server;
    await delay(100);
  }
  await server[Symbol.asyncDispose]();
  throw new Error(`${program} was not ready within 30 s: ${said.join('\n')}`);
}

export interface Notification {
  readonly receiver: string;
  readonly status: 'firing' | 'resolved';
  readonly alert: string;
  readonly target: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Takes what Alertmanager sends. */
export interface WebhookReceiver extends AsyncDisposable {
  readonly url: string;
  /** Everything that came, in its order. */
  readonly notifications: readonly Notification[];
  /** `alert target` of what fires now, as far as it was told. */
  firing(): string[];
}

interface Payload {
  readonly alerts: readonly {
    readonly status: 'firing' | 'resolved';
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

export async function startWebhookReceiver(): Promise<WebhookReceiver> {
  const notifications: Notification[] = [];
  const server = createServer((request, response) => {
    void Array.fromAsync(request).then((chunks) => {
      const { alerts } = JSON.parse(Buffer.concat(chunks as Buffer[]).toString('utf8')) as Payload;
      for (const { status, labels, annotations } of alerts) {
        const { alertname: alert = '', target = '' } = labels;
        notifications.push({ receiver: request.url ?? '', status, alert, target, annotations });
      }
      response.end();
    });
  });
  const listening = await listenOnLoopback(server);
  return {
    url: listening.url,
    notifications,
    firing() {
      const last = new Map(notifications.map(({ alert, target, status }) => [`${alert} ${target}`, status]));
      return [...last]
        .filter(([, status]) => status === 'firing')
        .map(([name]) => name)
        .sort();
    },
    [Symbol.asyncDispose]: () => listening[Symbol.asyncDispose](),
  };
}
