import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { definitionKinds, objectsQuery } from '../../../src/jobs/backup/definitions/index.ts';
import { factsRevision, isOfAllRevisions } from '../../../src/jobs/backup/facts-revision.ts';
import { roleQueries } from '../../../src/jobs/backup/postgres-globals.ts';

/** Of all SQL that tells definitions and roles, of every revision. */
const fingerprints: Readonly<Record<number, string>> = {
  1: '3e37242655ebf9a7',
};

const serverVersions = [120_000, 130_000, 140_000, 150_000, 160_000, 170_000, 180_000];

function fingerprint(): string {
  const hash = createHash('sha256');
  for (const version of serverVersions) {
    for (const kind of definitionKinds) {
      const { sql: _, ...rest } = kind;
      hash.update(JSON.stringify([rest, objectsQuery(kind, version)]));
    }
    hash.update(JSON.stringify([roleQueries(version, true), roleQueries(version, false)]));
  }
  return hash.digest('hex').slice(0, 16);
}

test('what is told of a source is what this revision tells', () => {
  // After a release: raise `factsRevision` and add a line above, or every backup taken before will be called broken.
  expect(fingerprints[factsRevision]).toBe(fingerprint());
});

test('rows and sequences are told alike by all revisions, definitions and roles are not', () => {
  const facts = ['rows a.b', 'content a.b', 'content large objects', 'sequence a.b'];
  expect(facts.filter(isOfAllRevisions)).toEqual(facts);
  expect(['objects tables', 'definitions tables', 'definition a.b', 'role a'].filter(isOfAllRevisions)).toEqual([]);
});
