import { afterEach, beforeEach, vi } from 'vitest';

/** Credentials that moto takes, in the environment until it is unstubbed. */
export function stubAwsCredentials(): void {
  vi.stubEnv('AWS_ACCESS_KEY_ID', 'testing');
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', 'testing');
}

/** The same for each test of a file. */
export function useAwsCredentials(): void {
  beforeEach(stubAwsCredentials);
  afterEach(() => vi.unstubAllEnvs());
}
