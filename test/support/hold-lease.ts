import { systemClock } from '../../src/core/clock.ts';
import { Leases } from '../../src/jobs/lease.ts';
import { ownIdentity } from '../../src/jobs/process-identity.ts';
import { openFilesystemStore } from '../../src/storage/filesystem.ts';

/**
 * A program: `hold-lease.ts FOLDER NAME TTL_MS`. At the first line of its input it tries to get the lease and says `held`
 * or `refused`, at the second one it gives it back.
 */
const [folder = '', name = '', ttlMs = '60000'] = process.argv.slice(2);
const store = await openFilesystemStore(folder, systemClock);
const leases = new Leases({ store, clock: systemClock, holder: await ownIdentity(), ttlMs: Number(ttlMs) });
process.stdout.write('ready\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
const lease = await leases.acquire(name, new AbortController().signal);
process.stdout.write(lease === undefined ? 'refused\n' : 'held\n');
await new Promise((resolve) => process.stdin.once('data', resolve));
await lease?.[Symbol.asyncDispose]();
process.stdout.write('released\n');
process.exit(0);
