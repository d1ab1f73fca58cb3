const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;
const mebibyte = 1024 ** 2;
const gibibyte = 1024 ** 3;

/**
 * Where a figure begins to be a problem, by the class of target. The alert rules and the thresholds on the boards are
 * generated from these: change one, run `npm run generate`. Ages in seconds, sizes in bytes, shares from 0 to 1.
 */
export const thresholds = {
  postgres: {
    /** 150 of 200 connections. */
    connectionsShare: 0.75,
    connectionsExhaustedShare: 0.9,
    roleConnectionsShare: 0.9,
    idleInTransactionSeconds: 5 * minute,
    transactionSeconds: hour,
    /** Mean of the statements that take most time. */
    statementSeconds: 0.1,
    statementsPerSecond: 1,
    blockedSeconds: 5 * minute,
    deadlocksInHalfAnHour: 2,
    rollbackShare: 0.1,
    rollbacksPerSecond: 1,
    cacheHitShare: 0.9,
    /** Below so many blocks a second the share says nothing. */
    blocksReadPerSecond: 100,
    temporaryBytesPerSecond: 20 * mebibyte,
    lockTableShare: 0.8,
    requestedCheckpointsShare: 0.5,
    wraparoundShare: 0.4,
    wraparoundImminentShare: 0.75,
    deadRowsShare: 0.2,
    vacuumDueRatio: 2,
    bloatShare: 0.5,
    bloatBytes: gibibyte,
    sequenceShare: 0.8,
    sequenceEndShare: 0.95,
    xminHorizonTransactions: 50_000_000,
    preparedTransactionSeconds: hour,
    archiveBehindSeconds: 15 * minute,
    /** WAL on the server against max_wal_size and wal_keep_size. */
    walSizeRatio: 3,
    checksumFailureSeconds: day,
    certificateSeconds: 14 * day,
    certificateImminentSeconds: 3 * day,
  },
  replication: {
    lagSeconds: 30,
    lagTooLongSeconds: 5 * minute,
    lagBytes: 10 * mebibyte,
    /** A standby that is fed by an archive gets something once in archive_timeout; more than this means that it gets nothing. */
    cutSeconds: 2 * minute,
    slotRetainedBytes: 10 * gibibyte,
    slotSafeBytes: gibibyte,
    conflictsInQuarter: 10,
    subscriptionErrorsInQuarter: 3,
  },
  pgbouncer: {
    waitSeconds: 5,
    waitTooLongSeconds: 30,
    clientsShare: 0.8,
    clientsExhaustedShare: 0.95,
    databaseConnectionsShare: 0.9,
  },
  redis: {
    memoryShare: 0.85,
    memoryFullShare: 0.97,
    systemMemoryShare: 0.85,
    connectionsShare: 0.8,
    replicaLagBytes: 10 * mebibyte,
    slowCommandsInQuarter: 100,
    certificateSeconds: 14 * day,
  },
  aws: {
    cpuPercent: 80,
    /** 80 % of the volume is used. */
    freeStorageShare: 0.2,
    freeStorageLeastShare: 0.05,
    /** More than the five minutes that RDS tells of an idle PostgreSQL. */
    replicaLagSeconds: 10 * minute,
    recoverySeconds: 30 * minute,
    snapshotSeconds: 30 * hour,
    cacheMemoryPercent: 90,
    /** Of the limits that somebody gave a serverless cache. */
    serverlessShare: 0.9,
    lambdaErrorShare: 0.05,
    lambdaConcurrencyShare: 0.9,
    ownThrottlesInQuarter: 50,
  },
  dynamodb: {
    capacityShare: 0.8,
    systemErrorsInQuarter: 10,
    recoverySeconds: 30 * minute,
  },
  keeping: {
    /** Age of the newest backup of a database, of whichever schedule and store, where nothing was promised (`objectives`). */
    backupSeconds: day,
    /** A restore is tried every week; a day for it to be done. */
    proofSeconds: 8 * day,
    restoreSeconds: 30 * minute,
    overdueSeconds: hour,
    /** Of the median of its predecessors. */
    shrunkShare: 0.5,
    shrunkFromBytes: 10 * mebibyte,
    runningHours: 12,
    storeViewSeconds: hour,
    leftovers: 5,
    /** Of what a store can hold. */
    storeUsedShare: 0.8,
    storeFilesFreeShare: 0.1,
    /** Rounds of backups that are to fit into it at least. */
    storeRounds: 2,
  },
  watchkeeper: {
    /** A scrape ends at scrape.timeout, 9.5 s, with what is there by then. */
    scrapeSeconds: 8,
    eventLoopSeconds: 1,
    restartsInHour: 3,
  },
} as const;
