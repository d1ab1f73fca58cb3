import { metric, sample } from '../../core/metric.ts';
import { NotApplicable } from '../collector.ts';
import type { PostgresCollector } from './source.ts';

const expiry = metric({
  name: 'pg_server_certificate_expiry_timestamp_seconds',
  type: 'gauge',
  help: 'When the certificate of the server expires, in seconds since 1970: the one that it showed to the newest login, at most watch.loginInterval ago.',
  labels: [],
  source: 'the TLS handshake of our own session',
  unit: 'seconds',
});

export const serverCertificate: PostgresCollector = {
  name: 'server_certificate',
  about: 'Until when clients can trust the server. Not applicable where our own session is not encrypted by TLS.',
  scope: 'server',
  metrics: [expiry],
  enabledByDefault: true,
  async collect({ session: { serverCertificateExpiresAt: expiresAt } }) {
    if (expiresAt === undefined) throw new NotApplicable('our session is not encrypted by TLS');
    return [sample(expiry, expiresAt.getTime() / 1_000, {})];
  },
};
