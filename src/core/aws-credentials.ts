/** As the SDK has them; only what is needed here. */
interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
  readonly expiration?: Date;
}

/** The SDK asks again when credentials expire within this time, in milliseconds. */
const sdkMarginMs = 5 * 60_000;
/** What has no end is looked up again after this: it costs reading two small files. */
const rereadMs = 60_000;

/**
 * Credentials by the usual chain of the AWS SDK: environment, profile, web identity, container, machine. Left to itself, the
 * SDK reads the shared files once and keeps what has no end until the process ends; here a file that somebody changed (a
 * rotated key, a new session) is noticed within a minute. `profile` absent: as the environment says.
 */
export function awsCredentials(profile?: string): (caller?: object) => Promise<Credentials> {
  return async (caller) => {
    const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
    const find = defaultProvider({ ...(profile === undefined ? {} : { profile }), ignoreCache: true });
    const found: Credentials = await find(caller);
    return { ...found, expiration: found.expiration ?? new Date(Date.now() + sdkMarginMs + rereadMs) };
  };
}
