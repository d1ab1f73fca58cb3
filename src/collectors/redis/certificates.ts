import { metric, type Sample, sample } from '../../core/metric.ts';
import type { Info } from '../../targets/redis/info.ts';
import { NotApplicable } from '../collector.ts';
import { fieldSamples, metricsOf, section } from './fields.ts';
import type { RedisFamily } from './source.ts';

const { gauge } = section('tls');

const certificateInfo = metric({
  name: 'redis_tls_certificate_info',
  type: 'info',
  help: 'Always 1; the labels tell the serial number of a certificate (server, client, ca) that the server uses.',
  labels: ['certificate', 'serial'],
  source: 'INFO tls: tls_*_cert_serial',
  unit: 'info',
});

/** A server without such a certificate tells the serial number `none`. */
const certificates = ['server', 'client', 'ca'].map((name) => ({
  name,
  expiry: gauge(`tls_${name}_cert_expires_in_seconds`, 'seconds', `Seconds until the certificate "${name}" expires.`),
}));

export const tlsCertificates: RedisFamily = {
  name: 'certificates',
  about: 'Certificates that the server uses and when they expire; from Valkey 9.1 on.',
  metrics: [certificateInfo, ...metricsOf(certificates.map(({ expiry }) => expiry))],
  enabledByDefault: true,
  read({ info }) {
    const used = certificates.filter(({ name }) => serialOf(info, name) !== undefined);
    if (used.length === 0) throw new NotApplicable('the server tells no certificate');
    return used.flatMap(({ name, expiry }): Sample[] => [
      sample(certificateInfo, 1, { certificate: name, serial: serialOf(info, name) ?? '' }),
      ...fieldSamples(info, [expiry]),
    ]);
  },
};

function serialOf(info: Info, name: string): string | undefined {
  const serial = info.text(`tls_${name}_cert_serial`);
  return serial === 'none' ? undefined : serial;
}
