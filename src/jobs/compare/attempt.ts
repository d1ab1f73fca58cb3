/** What was read, or why it cannot be. */
export type Attempt<T> = { readonly value: T } | { readonly why: string };
