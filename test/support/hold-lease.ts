import { createInterface } from 'node:readline';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { literalSecret } from '../../src/core/secret.ts';
import { type Lease, Leases } from '../../src/jobs/lease.ts';
import { ownIdentity } from '../../src/jobs/process-identity.ts';
import { openStore } from '../../src/storage/index.ts';

/**
 * A program: `hold-lease.ts STORE NAME TTL_MS [CLOCK_OFFSET_MS]`, STORE being the settings of a store as JSON. Each line of
 * its input is a command: `acquire` (says `held` or `refused`), `check` (`confirmed` or why not), `release` (`released`, ends).
 */
const [settings = '{}', name = '', ttlMs = '60000', offsetMs = '0'] = process.argv.slice(2);
const clock: Clock = { ...systemClock, now: () => new Date(systemClock.now().getTime() + Number(offsetMs)) };
const store = await openStore(JSON.parse(settings), { secretAccessKey: literalSecret('testing'), clock });
const leases = new Leases({ store, clock, holder: await ownIdentity(), ttlMs: Number(ttlMs) });
const { signal } = new AbortController();
let lease: Lease | undefined;

const commands: Readonly<Record<string, () => Promise<string>>> = {
  async acquire() {
    lease = await leases.acquire(name, signal);
    return lease === undefined ? 'refused' : 'held';
  },
  check: async () =>
    (await lease?.check(signal).then(
      () => 'confirmed',
      (error: Error) => error.message,
    )) ?? 'nothing is held',
  async release() {
    await lease?.[Symbol.asyncDispose]();
    return 'released';
  },
};

process.stdout.write('ready\n');
for await (const line of createInterface(process.stdin)) {
  process.stdout.write(`${await commands[line]?.()}\n`);
  if (line === 'release') break;
}
process.exit(0);
