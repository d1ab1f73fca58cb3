import { chmod, chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProcess } from '../../src/core/run-process.ts';
import { unprivilegedUser } from '../../src/core/unprivileged-user.ts';

const signal = new AbortController().signal;

/** A certificate and its private key, both in files. */
export interface CertificateFiles {
  readonly certificate: string;
  readonly key: string;
}

export interface IssueOptions {
  /** `DNS:localhost,IP:127.0.0.1`; a certificate of a client has none. */
  readonly names?: string;
  readonly expired?: boolean;
  /** Encrypts the private key. */
  readonly password?: string;
  /** The key is for a server that PostgreSQL's own user runs. */
  readonly forServer?: boolean;
}

/** An authority that issues and revokes; its files are removed when it is disposed of. */
export interface Authority extends AsyncDisposable {
  readonly folder: string;
  readonly certificate: string;
  issue(commonName: string, options?: IssueOptions): Promise<CertificateFiles>;
  /** Path of a list of what was revoked; of nothing when no certificate is given. */
  revocationList(revoked?: CertificateFiles): Promise<string>;
}

export async function makeAuthority(name: string): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'watchkeeper-certificates-'));
  await chmod(folder, 0o755);
  const openssl = (...args: readonly string[]) => runProcess('openssl', args, { signal, cwd: folder });
  const subject = (commonName: string) => ['-subj', `/CN=${commonName}`];
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  await openssl(
    'req',
    '-x509',
    ...newKey,
    '-nodes',
    '-days',
    '2',
    ...subject(name),
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
  );
  await writeFile(join(folder, 'index.txt'), '');
  await writeFile(join(folder, 'ca.cnf'), configuration(folder));
  let issued = 0;
  return {
    folder,
    certificate: join(folder, 'ca.crt'),
    async issue(commonName, options = {}) {
      const path = join(folder, `${++issued}`);
      const encryption = options.password === undefined ? ['-nodes'] : ['-passout', `pass:${options.password}`];
      await openssl(
        'req',
        ...newKey,
        ...encryption,
        ...subject(commonName),
        '-keyout',
        `${path}.key`,
        '-out',
        `${path}.csr`,
      );
      await writeFile(`${path}.ext`, options.names === undefined ? '' : `subjectAltName=${options.names}\n`);
      const dates =
        options.expired === true ? ['20200101000000Z', '20200201000000Z'] : ['20200101000000Z', '20991231000000Z'];
      const [from = '', until = ''] = dates;
      await openssl(
        ...['ca', '-batch', '-notext', '-config', 'ca.cnf', '-startdate', from, '-enddate', until],
        ...['-extfile', `${path}.ext`, '-in', `${path}.csr`, '-out', `${path}.crt`],
      );
      await chmod(`${path}.key`, 0o600);
      const owner = options.forServer === true ? await unprivilegedUser() : undefined;
      if (owner !== undefined) await chown(`${path}.key`, owner.uid, owner.gid);
      return { certificate: `${path}.crt`, key: `${path}.key` };
    },
    async revocationList(revoked) {
      if (revoked !== undefined) await openssl('ca', '-config', 'ca.cnf', '-revoke', revoked.certificate);
      const path = join(folder, `${++issued}.crl`);
      await openssl('ca', '-config', 'ca.cnf', '-gencrl', '-out', path);
      return path;
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

function configuration(folder: string): string {
  return `[ca]
default_ca = own
[own]
database = ${folder}/index.txt
new_certs_dir = ${folder}
certificate = ${folder}/ca.crt
private_key = ${folder}/ca.key
rand_serial = yes
unique_subject = no
default_md = sha256
default_crl_days = 1
policy = any
[any]
commonName = supplied
`;
}
