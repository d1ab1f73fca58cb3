import { expect, test } from 'vitest';
import { selectionSchema } from '../../../src/collectors/cloudwatch/selection.ts';
import { chooseDatabases } from '../../../src/collectors/rds/choose-databases.ts';
import { subjectsOf } from '../../../src/collectors/rds/subjects.ts';

const schema = selectionSchema('databases');
const team = (Value: string) => [{ Key: 'team', Value }];
const instances = [
  { DBInstanceIdentifier: 'ledger', Engine: 'postgres', TagList: team('payments') },
  { DBInstanceIdentifier: 'a-one', Engine: 'aurora-postgresql', DBClusterIdentifier: 'aurora' },
  { DBInstanceIdentifier: 'a-two', Engine: 'aurora-postgresql', DBClusterIdentifier: 'aurora' },
  { DBInstanceIdentifier: 'search', Engine: 'mysql', TagList: team('search') },
];
const clusters = [{ DBClusterIdentifier: 'aurora', Engine: 'aurora-postgresql', TagList: team('payments') }];

function choose(selection: object) {
  const {
    instances: found,
    clusters: foundClusters,
    ...others
  } = chooseDatabases(instances, clusters, schema.parse(selection));
  return { databases: [...foundClusters.keys(), ...found.keys()], ...others };
}

test.each([
  ['all', {}, ['aurora', 'a-one', 'a-two', 'ledger', 'search'], [], 0],
  ['instances with their cluster', { names: ['aurora'] }, ['aurora', 'a-one', 'a-two'], [], 0],
  ['one instance of a cluster', { names: ['a-two'] }, ['a-two'], [], 0],
  ['by prefix without what is excluded', { prefixes: ['a'], exclude: ['a-two'] }, ['aurora', 'a-one'], [], 0],
  ['by tag, of the cluster too', { tags: { team: 'payments' } }, ['aurora', 'a-one', 'a-two', 'ledger'], [], 0],
  ['what is not there', { names: ['ledger', 'gone'] }, ['ledger'], ['gone'], 0],
  ['no more than the limit', { limit: 2 }, ['aurora', 'a-one'], [], 3],
  ['nothing', { names: ['ledger'], exclude: ['ledger'] }, [], [], 0],
])('databases are chosen: %s', (_, selection, databases, missing, notWatched) => {
  expect(choose(selection)).toEqual({ databases, missing, notWatched });
});

test('an instance is asked for what its engine, class and volume have', () => {
  const found = chooseDatabases(
    [
      { DBInstanceIdentifier: 'small', Engine: 'postgres', DBInstanceClass: 'db.t4g.micro', StorageType: 'gp2' },
      {
        DBInstanceIdentifier: 'copy',
        Engine: 'mysql',
        DBInstanceClass: 'db.m7g.large',
        StorageType: 'gp3',
        ReadReplicaSourceDBInstanceIdentifier: 'small',
        PerformanceInsightsEnabled: true,
      },
      {
        DBInstanceIdentifier: 'reader',
        Engine: 'aurora-mysql',
        DBInstanceClass: 'db.serverless',
        DBClusterIdentifier: 'aurora',
      },
    ],
    [
      {
        DBClusterIdentifier: 'aurora',
        Engine: 'aurora-mysql',
        DBClusterMembers: [{ DBInstanceIdentifier: 'reader', IsClusterWriter: false }],
      },
    ],
    schema.parse({}),
  );

  const kinds = Map.groupBy(subjectsOf(found), ({ values }) => values[0]);
  const kindsOf = (name: string) => (kinds.get(name) ?? []).map(({ kind }) => kind).join(' ');
  expect(kindsOf('small')).toBe('instance volume gp2 burstable postgres postgres_volume');
  expect(kindsOf('copy')).toBe('instance volume replica insights');
  expect(kindsOf('reader')).toBe('instance aurora reader serverless');
  expect(kindsOf('aurora')).toBe('cluster');
});
