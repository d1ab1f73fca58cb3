/** Thrown values that are not Errors become one, so that handlers deal with one kind. */
export function coerceError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}

/** The messages of an error and of its causes in one line: "dumping payments_db: pg_dump exited with code 1: …". */
export function errorMessage(thrown: unknown): string {
  const messages: string[] = [];
  for (let error: unknown = thrown, depth = 0; error !== undefined && error !== null && depth < 8; depth++) {
    const { message, cause } = describe(error);
    // Some errors carry their cause's text already: it is told once.
    if (message !== '' && !messages.some((told) => told.includes(message))) messages.push(message);
    error = cause;
  }
  return messages.join(': ').replaceAll(/\s*\n\s*/g, ' | ');
}

/** Of work that failed and whose clean-up then failed too, the first failure is the one that tells why. */
function causeOf(error: Error): unknown {
  return error instanceof SuppressedError ? error.suppressed : error.cause;
}

function describe(error: unknown): { message: string; cause: unknown } {
  if (error instanceof SuppressedError) {
    return { message: `${errorMessage(error.suppressed)}; then ${errorMessage(error.error)}`, cause: undefined };
  }
  // AggregateError (every address of a host refused) has an empty message of its own.
  if (error instanceof AggregateError && error.message === '') {
    return { message: [...new Set(error.errors.map((one) => errorMessage(one)))].join('; '), cause: error.cause };
  }
  if (error instanceof Error) return { message: error.message || error.name, cause: error.cause };
  return { message: String(error), cause: undefined };
}

/** The `code` of a system, PostgreSQL or library error (`ENOSPC`, `28P01`), searched through the causes. */
export function errorCode(thrown: unknown): string | undefined {
  for (let error: unknown = thrown, depth = 0; error instanceof Error && depth < 8; depth++) {
    if (error instanceof AggregateError) {
      const inner = error.errors.map((one) => errorCode(one)).find((code) => code !== undefined);
      if (inner !== undefined) return inner;
    }
    if ('code' in error && typeof error.code === 'string') return error.code;
    error = causeOf(error);
  }
  return undefined;
}

/** First error of the cause chain that is an instance of `type`. */
export function findCause<E extends Error>(thrown: unknown, type: abstract new (...args: never[]) => E): E | undefined {
  for (let error: unknown = thrown, depth = 0; error instanceof Error && depth < 8; depth++) {
    if (error instanceof type) return error;
    error = causeOf(error);
  }
  return undefined;
}
