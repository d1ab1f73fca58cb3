import { expect, test } from 'vitest';
import type { Attempt } from '../../../src/jobs/compare/attempt.ts';
import type { ComparedSample } from '../../../src/jobs/compare/comparison.ts';
import { Findings } from '../../../src/jobs/compare/findings.ts';
import type { RecordCollection, RecordCount, StoredRecord } from '../../../src/jobs/compare/records/collection.ts';
import { compareRecords, differingValues } from '../../../src/jobs/compare/records/compare-records.ts';
import { testContext } from '../../support/test-context.ts';

const record = (key: string, value = 'v', skipped?: string): StoredRecord => ({
  key: { parts: [key] },
  values: new Map([['value', { kind: 'text', text: value }]]),
  skipped,
});

/** A collection whose records may change each time it is looked into. */
function collection(
  states: readonly (readonly StoredRecord[])[],
  changes: Partial<RecordCollection> = {},
): RecordCollection {
  const left = [...states];
  const next = () => (left.length > 1 ? left.shift() : left[0]) ?? [];
  return {
    name: 'c',
    count: async () => ({ value: { records: left[0]?.length ?? 0 } }),
    sample: async (amount) => ({ value: { records: next().slice(0, amount), notes: [] } }),
    lookUp: async (keys) => {
      const found = next();
      return { value: keys.map(({ parts }) => found.find(({ key }) => key.parts[0] === parts[0])) };
    },
    ...changes,
  };
}

async function compared(source: RecordCollection, other: RecordCollection, unmatched?: string): Promise<Findings> {
  const findings = new Findings(undefined);
  const pair = { label: 'c', keyNames: ['id'], sides: [source, other], differing: differingValues, unmatched } as const;
  await compareRecords({ pairs: [pair], lone: [] }, { samples: 10, keys: 2 }, findings, testContext());
  return findings;
}

test('a record that is gone from its own side when it is looked at again is no difference', async () => {
  const source = collection([[record('a'), record('b')], [record('a')]]);

  const findings = await compared(source, collection([[record('a')]]));

  expect(findings.differences.map(({ name }) => name)).toEqual(['rows c']);
  expect(findings.samples).toEqual([{ name: 'c', fromSource: 1, fromOther: 1 }]);
});

test('a value that was written on both sides between two reads is no difference, one that stays different is', async () => {
  const source = collection([[record('a', 'old')], [record('a', 'new')]]);

  const written = await compared(source, collection([[record('a', 'new')]]));
  const different = await compared(collection([[record('a', 'x')]]), collection([[record('a', 'y')]]));

  expect(written.result).toBe('same');
  expect(different.differences).toEqual([
    { name: 'samples c', source: '1 of 1 found, 1 different', other: '1 of 1 found, 1 different' },
  ]);
  expect(different.keys).toMatchObject([{ changed: [['a']], changedColumns: [['value']], more: false }]);
});

test('records of which none could be looked up are not the same, however many there are', async () => {
  const withoutKeys = {
    count: async () => ({ value: { records: 5 } }),
    sample: async () => ({ value: { records: [], notes: [] } }),
  };
  const gone = collection([[record('a')]], {
    count: async () => ({ value: { records: 5 } }),
    lookUp: async (keys) => ({ value: keys.map(() => undefined) }),
  });

  const unread = await compared(collection([[]], withoutKeys), collection([[]], withoutKeys));
  const ended = await compared(gone, gone);
  const empty = await compared(collection([[]]), collection([[]]));

  const why = 'none of its 5 records could be looked up: they have ended, are gone, or have NULL in their keys';
  const expected = ['the source', 'the other side'].map((side) => ({ what: `samples of c taken from ${side}`, why }));
  expect(unread.result).toBe('incomplete');
  expect(unread.notCompared).toEqual(expected);
  expect(ended.notCompared).toEqual(expected);
  expect(empty.result).toBe('same');
});

test('keys are named up to the limit, and it is said that there are more', async () => {
  const source = collection([['a', 'b', 'c'].map((key) => record(key))]);

  const findings = await compared(source, collection([[]]));

  expect(findings.keys).toMatchObject([{ onlyInSource: [['a'], ['b']], more: true }]);
  expect(findings.differences).toContainEqual({ name: 'samples c', source: '0 of 0 found', other: '0 of 3 found' });
});

test.each<[string, Partial<RecordCollection>, readonly string[]]>([
  ['counting', { count: async () => ({ why: 'no right' }) }, ['rows of c']],
  ['sampling', { sample: async () => ({ why: 'no right' }) }, ['samples of c taken from the other side']],
  ['looking up', { lookUp: async () => ({ why: 'no right' }) }, ['samples of c taken from the source']],
])('when %s fails, that is not compared and the rest is', async (_what, changes, expected) => {
  const findings = await compared(collection([[record('a')]]), collection([[record('a')]], changes));

  expect(findings.notCompared).toEqual(expected.map((what) => ({ what, why: 'no right' })));
  expect(findings.result).toBe('incomplete');
  expect(findings.compared).toBeGreaterThan(0);
});

test.each([
  [5, 5],
  [5, 7],
])('an estimate is never compared: %i and about %i', async (amount, estimate) => {
  const count = async (): Promise<Attempt<RecordCount>> => ({ value: { records: estimate, doubt: 'it is old' } });
  const exact = { count: async (): Promise<Attempt<RecordCount>> => ({ value: { records: amount } }) };

  const findings = await compared(collection([[record('a')]], exact), collection([[record('a')]], { count }));

  expect(findings.result).toBe('incomplete');
  expect(findings.notCompared).toEqual([{ what: 'rows of c', why: `5 and about ${estimate}: it is old` }]);
  expect(findings.counts).toEqual([{ name: 'c', source: 5, other: estimate, estimated: ['other'] }]);
});

test.each<[string, Partial<RecordCollection>, string, Partial<ComparedSample>]>([
  ['sampled', { sample: async () => ({ why: 'timed out' }) }, 'the other side', { fromSource: 2, fromOther: 0 }],
  ['looked up', { lookUp: async () => ({ why: 'timed out' }) }, 'the source', { fromSource: 0, fromOther: 1 }],
])('what one direction proves is told when the other side cannot be %s', async (_what, changes, from, samples) => {
  const source = collection([[record('a', 'old'), record('b')]]);
  const other = collection([[record('a', 'new')]], changes);
  // Reads of the other side fail in one direction only.
  const steady = collection([[record('a', 'new')]]);
  const failing = from === 'the source' ? { ...other, lookUp: failFirst(steady.lookUp) } : other;

  const findings = await compared(source, failing);

  expect(findings.result).toBe('different');
  expect(findings.notCompared).toEqual([{ what: `samples of c taken from ${from}`, why: 'timed out' }]);
  expect(findings.samples).toMatchObject([samples]);
  expect(findings.differences.at(-1)).toEqual(
    from === 'the source'
      ? { name: 'samples c', source: '1 of 1 found, 1 different', other: 'unknown' }
      : { name: 'samples c', source: 'unknown', other: '1 of 2 found, 1 different' },
  );
  expect(findings.keys).toMatchObject([{ changed: [['a']] }]);
});

function failFirst(lookUp: RecordCollection['lookUp']): RecordCollection['lookUp'] {
  let calls = 0;
  return async (keys) => {
    calls += 1;
    return calls === 1 ? { why: 'timed out' } : await lookUp(keys);
  };
}

test('when neither side can be looked up, that is told once with both reasons', async () => {
  const failing = (why: string) => collection([[record('a')]], { lookUp: async () => ({ why }) });

  const findings = await compared(failing('one'), failing('two'));

  expect(findings.notCompared).toEqual([{ what: 'samples of c', why: 'two; one' }]);
  expect(findings.samples).toEqual([]);
});

test('what seemed different and cannot be read again is not compared, and not the same', async () => {
  const source = collection([[record('a', 'old')], [record('a', 'new', 'too large')]]);

  const findings = await compared(source, collection([[record('a', 'other')]]));

  expect(findings.notCompared).toEqual([{ what: '1 sampled of c', why: 'too large' }]);
  expect(findings.result).toBe('incomplete');
});

test('a record whose life may be over on the other side is gone there, not missing', async () => {
  const findings = new Findings(undefined);
  const sides = [collection([[record('ending'), record('lasting')]]), collection([[]])] as const;
  const mayEnd = ({ key }: StoredRecord) => key.parts[0] === 'ending';
  const pair = { label: 'c', keyNames: ['id'], sides, differing: differingValues, mayEnd };

  await compareRecords({ pairs: [pair], lone: [] }, { samples: 10, keys: 5 }, findings, testContext());

  expect(findings.keys).toMatchObject([{ onlyInSource: [['lasting']] }]);
  expect(findings.samples).toEqual([{ name: 'c', fromSource: 1, fromOther: 0 }]);
});

test('what was skipped is told once for each reason, and is not the same', async () => {
  const large = [record('a', 'v', 'too large'), record('b', 'v', 'too large'), record('c')];

  const findings = await compared(collection([large]), collection([[record('a'), record('b'), record('c')]]));

  expect(findings.notCompared).toEqual([{ what: '2 sampled of c', why: 'too large' }]);
  expect(findings.result).toBe('incomplete');
});

test('without a key in common only the counts are compared', async () => {
  const findings = await compared(collection([[record('a')]]), collection([[record('b')]]), 'no such column');

  expect(findings.notCompared).toEqual([{ what: 'samples of c', why: 'no such column' }]);
  expect(findings.compared).toBe(1);
});
