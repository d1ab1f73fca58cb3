import { adminDb } from './admin-db.ts';
import { authDb } from './auth-db.ts';
import type { DemoDatabase } from './database.ts';
import { paymentsDb } from './payments-db.ts';
import { profileDb } from './profile-db.ts';

/** The four databases of the demo; Watchkeeper logs in to the first one to watch the server. */
export const demoDatabases: readonly [DemoDatabase, ...DemoDatabase[]] = [authDb, paymentsDb, adminDb, profileDb];
