import { type ParsedUrl, parseConnectionUrl } from '../../targets/postgres/connection-url.ts';
import { formatPath, type SettingPath } from '../problem.ts';
import { isLiteral } from '../secret-source.ts';
import type { Check } from './check.ts';

/** A URL with a password beside it. */
export function checkServer(
  check: Check,
  path: SettingPath,
  server: { readonly url: string; readonly password?: string | undefined },
): ParsedUrl | undefined {
  if (server.password !== undefined) checkSecret(check, [...path, 'password'], server.password);
  const place = [...path, 'url'];
  let url: ParsedUrl;
  try {
    url = parseConnectionUrl(server.url);
  } catch (error) {
    check.problem(place, error instanceof Error ? error.message : 'is not valid');
    return undefined;
  }
  if (url.password !== undefined && server.password !== undefined) {
    check.problem(place, 'holds a password although "password" gives one; keep one of them');
  }
  const written = check.references.get(formatPath(place))?.written ?? server.url;
  const writtenPassword = /^\w+:\/\/[^/@:]*:([^@/]*)@/.exec(written)?.[1] ?? '';
  if (url.password !== undefined && writtenPassword !== '' && !writtenPassword.includes('${')) {
    check.warning(
      place,
      'a password stands in the URL in plain text; move it to "password: file:…" or "password: ${ENV}"',
    );
  }
  return url;
}

export function checkSecret(check: Check, path: SettingPath, value: string): void {
  if (value.startsWith('aws-secret:'))
    check.problem(path, '"aws-secret:" references are not supported; use file: or ${ENV}');
  else if (value === '' || value === 'file:') check.problem(path, 'is empty');
  else if (isLiteral(value) && !check.references.has(formatPath(path))) {
    check.warning(path, 'a secret stands here in plain text; use "file:/path" or "${ENV}"');
  }
}
