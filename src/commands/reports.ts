import type { Assembly } from '../assembly.ts';
import { type ChainCheck, checkChain } from '../jobs/check-chain.ts';
import type { ChainHead } from '../jobs/proof-chain.ts';
import { assembleOrFail, type CommandContext, CommandError } from './command-context.ts';
import { exitCodes } from './exit-code.ts';
import { targetsWithStores, unknownTarget } from './find-backup.ts';
import { printJson, printLine } from './terminal.ts';

export interface ReportsFlags {
  /** `NUMBER:SHA256`, as they were logged. */
  readonly head: readonly string[];
  readonly store?: string;
}

/** The reports of one target in one store. */
type Checked = ChainCheck & { readonly store: string };

/**
 * `watchkeeper reports [TARGET]`: walks the chain of the reports of all proofs, and names the first one that was changed,
 * removed or slipped in. 1 when there is such a one.
 */
export async function runReports(
  context: CommandContext,
  target: string | undefined,
  flags: ReportsFlags,
): Promise<number> {
  const known = flags.head.map(headOf);
  await using assembly = await assembleOrFail(context);
  const checked: Checked[] = [];
  for (const chain of chainsOf(assembly, target, flags)) {
    const { store } = assembly.storeOf(chain.store);
    checked.push({ ...(await checkChain(store, chain.target, context.signal, { known })), store: chain.store });
  }
  if (context.json) printJson(context.terminal, checked.map(toJson));
  else for (const one of checked) printLine(context.terminal, describe(one));
  return checked.some(({ problems }) => problems.length > 0) ? exitCodes.failure.code : exitCodes.success.code;
}

/** Each target has a chain of its own in each of its stores. */
function chainsOf(
  assembly: Assembly,
  target: string | undefined,
  { head, store }: ReportsFlags,
): readonly { readonly target: string; readonly store: string }[] {
  const targets = targetsWithStores(assembly);
  if (target !== undefined && !targets.has(target)) throw unknownTarget(assembly, target);
  const chains = [...targets]
    .flatMap(([name, stores]) => [...stores].map((one) => ({ target: name, store: one })))
    .filter((chain) => chain.target === (target ?? chain.target) && chain.store === (store ?? chain.store));
  if (chains.length === 0) throw usage(`no such backups are made into a store "${store}"`);
  if (head.length > 0 && chains.length > 1) throw usage('--head is of one chain: name the target, and --store');
  return chains;
}

function headOf(text: string): ChainHead {
  const [, number, sha256] = /^(\d+):([0-9a-f]{64})$/.exec(text) ?? [];
  if (number === undefined || sha256 === undefined) throw usage(`--head "${text}" is not NUMBER:SHA256`);
  return { number: Number(number), sha256 };
}

function toJson({ head, ...rest }: Checked): unknown {
  return { ...rest, head: head ?? null };
}

function describe({ target, store, reports, head, older, problems }: Checked): string {
  const name = `${target} in store ${store}`;
  const uncovered = older === 0 ? '' : `; ${older} older reports are in no chain`;
  if (problems.length > 0) {
    const [first, ...others] = problems.map(({ message }) => message);
    return [`${name}: BROKEN, first: ${first}${uncovered}`, ...others.map((message) => `  then: ${message}`)].join(
      '\n',
    );
  }
  if (head === undefined) return `${name}: no reports${uncovered}`;
  return `${name}: ${reports} reports, none changed or missing${uncovered}\n  head ${head.number}:${head.sha256}`;
}

function usage(message: string): CommandError {
  return new CommandError(exitCodes.usage.code, message);
}
