import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';

export const root = join(import.meta.dirname, '../..');
export const deploy = join(root, 'deploy');

export interface ComposeService {
  readonly image: string;
  readonly build?: { readonly context: string; readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly tmpfs?: readonly string[];
  readonly secrets?: readonly string[];
  readonly ports?: readonly string[];
  readonly profiles?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
}

export interface Compose {
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** `deploy/compose.yaml` with the environment's variables filled in as Compose does it. */
export async function readCompose(environment: Readonly<Record<string, string>> = {}): Promise<Compose> {
  const text = await readFile(join(deploy, 'compose.yaml'), 'utf8');
  const filled = text.replace(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, fallback: string) => {
    const value = environment[name];
    return value === undefined || value === '' ? fallback : value;
  });
  return parse(filled, { merge: true }) as Compose;
}

export function serviceOf({ services }: Compose, name: string): ComposeService {
  const service = services[name];
  if (service === undefined) throw new Error(`compose.yaml has no service ${name}`);
  return service;
}

export interface Mount {
  /** A path of this machine, or the name of a volume. */
  readonly source: string;
  readonly isVolume: boolean;
  /** Where the container sees it. */
  readonly target: string;
}

export function mountsOf({ volumes = [] }: ComposeService): Mount[] {
  return volumes.map((volume) => {
    const [source = '', target = ''] = volume.split(':');
    const isVolume = !/^[./]/.test(source);
    return { source: isVolume ? source : join(deploy, source), isVolume, target };
  });
}

/** What of this machine a service sees under a path of its container; undefined when nothing is mounted there. */
export function mountedFrom(service: ComposeService, path: string): string | undefined {
  const mount = mountsOf(service).find(
    ({ isVolume, target }) => !isVolume && (path === target || path.startsWith(`${target}/`)),
  );
  return mount === undefined ? undefined : join(mount.source, path.slice(mount.target.length));
}

/** The value of a service's argument `--name=value`. */
export function argumentOf({ command = [] }: ComposeService, name: string): string {
  const prefix = `--${name}=`;
  const found = command.find((argument) => argument.startsWith(prefix));
  if (found === undefined) throw new Error(`no argument ${prefix} in ${command.join(' ')}`);
  return found.slice(prefix.length);
}
