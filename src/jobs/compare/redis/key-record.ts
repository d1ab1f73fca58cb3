import type { CompareContext } from '../compare-databases.ts';
import type { StoredRecord } from '../records/collection.ts';
import type { Value } from '../records/values.ts';
import { type ComparedField, type ComparedHash, differingHashes, type HashState } from './hash-fields.ts';
import { nameOfKey } from './key-name.ts';
import type { KeyState } from './read-keys.ts';
import { differingGroups, type StreamGroup } from './stream-groups.ts';

const timeToLive = 'time to live';
const fieldLives = 'times to live of fields';
const consumerGroups = 'consumer groups';

/** A key as it is compared; what was not read of it is not among its values. `nowMs` is since 1970. */
export function keyRecord(key: Buffer, state: KeyState, nowMs: number): StoredRecord {
  const { type, leftMs, length, fingerprint, hash, stream, skipped } = state;
  const texts: Readonly<Record<string, string | undefined>> = {
    type,
    [timeToLive]: leftMs === undefined ? 'never' : String(nowMs + leftMs),
    length: length?.toString(),
    value: fingerprint,
    [fieldLives]: hash === undefined ? undefined : JSON.stringify(comparedFields(hash, nowMs)),
    'last id': stream?.lastId,
    [consumerGroups]: JSON.stringify(stream?.groups),
  };
  const values = new Map<string, Value>();
  for (const [name, text] of Object.entries(texts)) if (text !== undefined) values.set(name, { kind: 'text', text });
  return { key: { parts: [nameOfKey(key)] }, values, skipped };
}

/** All fields where one has a life of its own: what lasts on this side may end on the other. */
function comparedFields({ fields, untold }: HashState, nowMs: number): readonly ComparedField[] | undefined {
  if (untold !== undefined) return undefined;
  if (fields.every(({ leftMs }) => leftMs === undefined)) return [];
  return fields.map(({ name, content, leftMs }) => [name, content, leftMs === undefined ? null : nowMs + leftMs]);
}

type Rules = { readonly nowMs: number; readonly toleranceMs: number };
type Differing = (before: string, after: string, rules: Rules) => boolean;

const isOther: Differing = (before, after) => before !== after;

/** What is compared apart from hashes, in the order of the report. */
const comparisons: Readonly<Record<string, Differing>> = {
  type: isOther,
  // The ends of two lives that are both limited; `never` is no number.
  [timeToLive]: (before, after, { toleranceMs }) =>
    before !== after && !(Math.abs(Number(before) - Number(after)) <= toleranceMs),
  length: isOther,
  value: isOther,
  'last id': isOther,
  [consumerGroups]: (before, after) =>
    differingGroups(JSON.parse(before) as StreamGroup[], JSON.parse(after) as StreamGroup[]),
};

/** Names of what is not the same in a key of both sides; what one side did not give is not compared. */
export function differingKeyStates(toleranceMs: number, { clock }: Pick<CompareContext, 'clock'>) {
  return (source: StoredRecord, other: StoredRecord): readonly string[] => {
    const rules = { nowMs: clock.now().getTime(), toleranceMs };
    const [hash, otherHash] = [comparedHash(source), comparedHash(other)];
    const ofFields =
      hash !== undefined && otherHash !== undefined ? differingHashes(hash, otherHash, rules) : undefined;
    const names = Object.entries(comparisons).flatMap(([name, differing]) => {
      const [before, after] = [source.values.get(name)?.text, other.values.get(name)?.text];
      if (before === undefined || after === undefined) return [];
      const isDifferent = name === 'value' && ofFields !== undefined ? ofFields.value : differing(before, after, rules);
      return isDifferent ? [name] : [];
    });
    return ofFields?.lives === true ? [...names, fieldLives] : names;
  };
}

/** Undefined for what is no hash, or was not read. */
function comparedHash({ values }: StoredRecord): ComparedHash | undefined {
  const [type, value, fields] = ['type', 'value', fieldLives].map((name) => values.get(name)?.text);
  if (type !== 'hash' || value === undefined) return undefined;
  return { fingerprint: value, fields: fields === undefined ? undefined : (JSON.parse(fields) as ComparedField[]) };
}

/** Whether the life of a key is over, or so nearly that it may be over on the other side. */
export function endingKey(toleranceMs: number, { clock }: Pick<CompareContext, 'clock'>) {
  return ({ values }: StoredRecord): boolean =>
    Number(values.get(timeToLive)?.text) - clock.now().getTime() <= toleranceMs;
}
