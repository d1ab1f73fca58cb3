/** What the client of a service of AWS is asked by; each client has its own types for it. */
interface MiddlewareStack {
  readonly add: unknown;
}

type Send = (request: object) => Promise<object>;
type Add = (
  middleware: (next: Send, context: { readonly commandName?: string }) => Send,
  options: { readonly step: 'deserialize'; readonly priority: 'high'; readonly name: string },
) => void;

/**
 * Tells of every request that a client of the AWS SDK sends, each attempt by itself: `call` is e.g. `PutObject`, `error` what
 * became of it. Retries would hide that we are throttled.
 */
export function watchAwsRequests(
  { middlewareStack }: { readonly middlewareStack: MiddlewareStack },
  name: string,
  note: (call: string, error?: unknown) => void,
): void {
  const add = (middlewareStack.add as Add).bind(middlewareStack);
  add(
    (next, { commandName = '' }) =>
      async (request) => {
        const call = commandName.replace(/Command$/, '');
        try {
          const answer = await next(request);
          note(call);
          return answer;
        } catch (error) {
          note(call, error);
          throw error;
        }
      },
    // Inside the step that sends again, outside the one that makes errors of answers.
    { step: 'deserialize', priority: 'high', name },
  );
}
