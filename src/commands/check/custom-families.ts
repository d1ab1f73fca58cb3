import { NotApplicable } from '../../collectors/collector.ts';
import { tryFamily } from '../../collectors/postgres/custom/collector.ts';
import type { CustomFamily } from '../../collectors/postgres/custom/family.ts';
import { discoverDatabases } from '../../collectors/postgres/databases.ts';
import type { LoadedPostgres } from '../../config/loaded.ts';
import { withDeadline } from '../../core/deadline.ts';
import { errorMessage } from '../../core/errors.ts';
import type { WorkContext } from '../../core/work-context.ts';
import { withDatabase } from '../../targets/libpq/access.ts';
import { isSelected } from '../../targets/postgres/databases.ts';
import type { PostgresSession } from '../../targets/postgres/session.ts';
import { counted } from '../terminal.ts';
import { type Findings, findingsAbout } from './finding.ts';
import { withSession } from './source.ts';

/** The server ends a statement first. */
const graceMs = 500;

type TimedContext = WorkContext & { readonly timeoutMs: number };

/**
 * Runs each statement that the user wrote as a scrape would: once, or, with the scope `database`, in as many of its databases
 * as one scrape visits.
 */
export async function checkCustomFamilies(
  target: LoadedPostgres,
  findings: Findings,
  context: TimedContext,
): Promise<void> {
  const families = target.customFamilies.filter(({ name }) => target.watch.collectors[name] !== false);
  if (families.length === 0) return;
  const tries = families.map((family) => new FamilyTries(family, findings));
  const { database } = target.access.connection;
  for (const name of await databasesToTry(target, families, context)) {
    const wanted = tries.filter(({ family }) =>
      family.scope === 'server' ? name === database : isIn(family, name) && isSelected(target.watch.databases, name),
    );
    await tryIn(name, wanted, target, context);
  }
  for (const one of tries) one.tell();
}

function isIn({ databases }: CustomFamily, name: string): boolean {
  return isSelected({ include: [...databases], exclude: [] }, name);
}

/** That of the URL first. */
async function databasesToTry(
  target: LoadedPostgres,
  families: readonly CustomFamily[],
  context: TimedContext,
): Promise<string[]> {
  const own = target.access.connection.database;
  const ofDatabases = families.filter(({ scope }) => scope === 'database');
  if (ofDatabases.length === 0) return [own];
  const findings = findingsAbout('');
  const found = await withSession(target.access, findings, context, (session, signal) =>
    discoverDatabases({ session, settings: target.watch }, { ...context, signal }, target.watch.databases),
  );
  const others = (found?.watched ?? []).filter((name) => name !== own && ofDatabases.some((one) => isIn(one, name)));
  return [own, ...others.slice(0, target.watch.databasesPerScrape)];
}

/** Each statement has the time that a scrape gives it. */
async function tryIn(
  database: string,
  tries: readonly FamilyTries[],
  target: LoadedPostgres,
  context: TimedContext,
): Promise<void> {
  if (tries.length === 0) return;
  const eachMs = target.watch.statementTimeout + graceMs;
  const access = withDatabase(target.access, database);
  const failures = findingsAbout('');
  const timed = { ...context, timeoutMs: context.timeoutMs + eachMs * tries.length };
  await withSession(access, failures, timed, async (session, signal) => {
    for (const one of tries) {
      const deadline = { parent: signal, ms: eachMs, clock: context.clock, what: 'the statement' };
      await one.run({ session, settings: target.watch }, { ...context, signal }, deadline);
    }
  });
  for (const { message } of failures.all) for (const one of tries) one.fail(database, message);
}

/** What became of one family in the databases in which it was tried. */
class FamilyTries {
  readonly family: CustomFamily;
  readonly #findings: Findings;
  readonly #failures = new Map<string, string[]>();
  readonly #notes = new Set<string>();
  #samples = 0;
  #databases = 0;
  #dropped = 0;
  #notApplicable: string | undefined;

  constructor(family: CustomFamily, findings: Findings) {
    this.family = family;
    this.#findings = findings;
  }

  async run(
    source: { readonly session: PostgresSession; readonly settings: LoadedPostgres['watch'] },
    context: WorkContext,
    deadline: Parameters<typeof withDeadline>[0],
  ): Promise<void> {
    if (!source.session.usable)
      return this.fail(source.session.database, 'not tried: one before it lost the connection');
    try {
      const tried = await withDeadline(deadline, (signal) => tryFamily(this.family, source, { ...context, signal }));
      this.#databases++;
      // One of them tells how many rows were left out.
      this.#samples += tried.samples.length - 1;
      this.#dropped += tried.rowsDropped;
      for (const note of tried.notes) this.#notes.add(note);
    } catch (error) {
      context.signal.throwIfAborted();
      if (error instanceof NotApplicable) this.#notApplicable = error.message;
      else this.fail(source.session.database, errorMessage(error));
    }
  }

  fail(database: string, message: string): void {
    this.#failures.set(message, [...(this.#failures.get(message) ?? []), database]);
  }

  tell(): void {
    const { name, file, line, scope } = this.family;
    const subject = `the family "${name}"`;
    for (const [message, databases] of this.#failures) {
      const where = scope === 'database' ? ` (in ${databases.join(', ')})` : '';
      const remedy = message.includes(file) ? undefined : `mend it in ${file}:${line}`;
      this.#findings.error(`${subject}: ${message}${where}`, remedy);
    }
    for (const note of this.#notes) this.#findings.warning(`${subject}: ${note}`);
    if (this.#dropped > 0) {
      this.#findings.warning(`${subject}: ${counted(this.#dropped, 'row')} beyond its limit`, 'raise its rowLimit');
    }
    if (this.#databases > 0) this.#findings.ok(`${subject} gives ${counted(this.#samples, 'sample')}${this.#where()}`);
    else if (this.#failures.size === 0) {
      this.#findings.warning(`${subject} measures nothing here: ${this.#notApplicable ?? 'no database is meant'}`);
    }
  }

  #where(): string {
    return this.family.scope === 'database' ? ` in ${counted(this.#databases, 'database')}` : '';
  }
}
