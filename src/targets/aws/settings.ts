/** Where AWS is asked, and as whom: the usual chain of the SDK (environment, profile, web identity, container, machine). */
export interface AwsAccess {
  /** Absent: as the environment or the profile says. */
  readonly region: string | undefined;
  /** Name of a profile of the shared files; absent: as the environment says. */
  readonly profile: string | undefined;
  /** URL that stands for all services; absent for AWS itself. */
  readonly endpoint: string | undefined;
  /** URL of CloudWatch where it differs from `endpoint`. */
  readonly cloudwatchEndpoint: string | undefined;
  /** An answer is waited for this long, in milliseconds; a request that is sent again has as long again. */
  readonly timeoutMs: number;
}
