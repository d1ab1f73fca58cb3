/**
 * What happens to a connection parameter:
 * `used` by our own sessions and by PostgreSQL's programs alike; for the `programs` alone (with a warning);
 * `ignored` with a warning; or `refused`.
 */
export type ParameterSupport = 'used' | 'programs' | 'ignored' | 'refused';

export interface ConnectionParameter {
  readonly support: ParameterSupport;
  /** What it does here, or why it is not used; ends warnings and stands in docs/connections.md. */
  readonly note: string;
  /** A value for which the parameter is not refused although it otherwise is, or is without effect. */
  readonly harmless?: RegExp;
}

const used = (note: string): ConnectionParameter => ({ support: 'used', note });
const programs = (note: string): ConnectionParameter => ({ support: 'programs', note });
const ignored = (note: string, harmless?: RegExp): ConnectionParameter => ({
  support: 'ignored',
  note,
  ...(harmless && { harmless }),
});
const refused = (note: string, harmless?: RegExp): ConnectionParameter => ({
  support: 'refused',
  note,
  ...(harmless && { harmless }),
});

const noGss = 'Watchkeeper does not speak GSSAPI';
const keepAlive = 'Node.js cannot set it; its sessions are asked every second, ten times';

/** Every parameter of libpq (18 and older), and what Watchkeeper does with it. */
export const connectionParameters: Readonly<Record<string, ConnectionParameter>> = {
  host: used('names, addresses and folders of Unix sockets, separated by commas; `localhost` when absent'),
  hostaddr: used('addresses dialled instead of looking the names up'),
  port: used('one port, or one for each host; 5432 when absent'),
  dbname: used('the user’s name when absent'),
  user: used('`postgres` when absent'),
  password: used('better kept apart, by the setting `password`'),
  passfile: used('read at each login; must not be readable for others'),
  service: used('read from `servicefile`, PGSERVICEFILE, `~/.pg_service.conf` or the system’s pg_service.conf'),
  servicefile: used('the file in which `service` is looked for'),
  sslmode: used('`prefer` when absent'),
  sslrootcert: used('a PEM file, or `system`; the system’s authorities when absent'),
  sslcert: used('a PEM file'),
  sslkey: used('a PEM file, readable for its owner alone'),
  sslpassword: used('better kept apart, by the setting `sslPassword`'),
  sslcrl: used('a PEM file with a list of every authority'),
  sslnegotiation: used('`postgres` or `direct` (PostgreSQL 17)'),
  sslcertmode: refused('whether the server asked for our certificate cannot be seen', /^(allow|disable)$/),
  ssl_min_protocol_version: used('TLSv1.2 when absent'),
  ssl_max_protocol_version: used('no limit when absent'),
  channel_binding: used('`prefer` when absent'),
  require_auth: used('ways to log in that the server may ask for'),
  connect_timeout: used('seconds for each host; watching waits for 3 at most'),
  target_session_attrs: used('`any` when absent'),
  load_balance_hosts: used('`random` tries the hosts in random order'),
  application_name: used('`watchkeeper` when absent'),
  fallback_application_name: used('when there is no `application_name`'),
  options: used('sent at the start of the session; PgBouncer refuses most'),
  keepalives: used('on when absent'),
  keepalives_idle: used('30 seconds when absent'),
  keepalives_interval: programs(keepAlive),
  keepalives_count: programs(keepAlive),
  tcp_user_timeout: programs('Node.js cannot set it; statements and logins have deadlines of their own'),
  client_encoding: refused('all that is read is UTF-8', /^(utf-?8|unicode|auto)$/i),
  gssencmode: refused(`${noGss}; use TLS`, /^(disable|prefer)$/),
  krbsrvname: ignored(noGss),
  gsslib: ignored(noGss),
  gssdelegation: ignored(noGss, /^0$/),
  sslcompression: ignored('no version of OpenSSL in use compresses', /^0$/),
  requiressl: refused('write sslmode=require', /^0$/),
  sslcrldir: refused('name one file by sslcrl'),
  sslsni: refused('the host name is always sent', /^1$/),
  sslkeylogfile: refused('it would write down the keys of the sessions'),
  requirepeer: refused('Node.js does not tell who is behind a socket'),
  replication: refused('Watchkeeper reads by SQL'),
  min_protocol_version: refused('sessions speak version 3.0 of the protocol', /^3\.0$/),
  max_protocol_version: refused('sessions speak version 3.0 of the protocol', /^(3\.0|latest)$/),
  scram_client_key: refused('it is worth as much as the password, which can be kept apart: use `password`'),
  scram_server_key: refused('it is worth as much as the password, which can be kept apart: use `password`'),
  oauth_issuer: refused('Watchkeeper does not speak OAuth'),
  oauth_client_id: refused('Watchkeeper does not speak OAuth'),
  oauth_client_secret: refused('Watchkeeper does not speak OAuth'),
  oauth_scope: refused('Watchkeeper does not speak OAuth'),
};
