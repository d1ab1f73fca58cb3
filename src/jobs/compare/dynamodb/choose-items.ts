import type { Item, ItemPage } from '../../../targets/dynamodb/items.ts';

/** One of `of` parts of a table, by a hash of the partition key. */
export interface Segment {
  readonly index: number;
  readonly of: number;
}

export interface ChosenItems {
  readonly items: readonly Item[];
  /** False: the table was not cut finely enough, so that items were taken from the beginnings of its parts. */
  readonly isEven: boolean;
}

/** DynamoDB's own limit. */
const mostSegments = 1_000_000;
/** So many items a segment should have, if the number of items that DynamoDB tells is right. */
const itemsOfSegment = 8;
/** More items of a segment are not read. */
export const segmentLimit = 64;
const step = 100;

/**
 * Takes `amount` items by chance: the table is cut into so many segments that each has a few items, segments are drawn,
 * all items of each are put together, and the items are drawn from those. Each item is about as likely as any other, but items of
 * one partition key come together. `knownItems` may be old or wrong: the cut becomes finer where a segment is too long for a
 * page, and coarser where too many are empty. Where all segments were drawn, that is the whole table.
 */
export async function chooseItems(
  amount: number,
  knownItems: number,
  given: { readonly read: (segment: Segment) => Promise<ItemPage>; readonly random: () => number },
): Promise<ChosenItems> {
  let of = Math.min(mostSegments, Math.max(1, Math.floor(knownItems / itemsOfSegment)));
  let [coarse, fine] = [0, Number.POSITIVE_INFINITY];
  let begun: readonly Item[] = [];
  while (of > coarse && of < fine) {
    const { items, complete, whole } = await drawSegments(amount, of, given);
    if (complete && (items.length >= amount || whole)) {
      return { items: drawItems(items, amount, given.random), isEven: true };
    }
    if (complete) fine = of;
    else {
      coarse = of;
      begun = items;
    }
    of = nextCut(coarse, fine);
  }
  return { items: drawItems(begun, amount, given.random), isEven: false };
}

/** Between two cuts of which one is known to be too coarse and the other too fine. */
function nextCut(coarse: number, fine: number): number {
  if (coarse === 0) return Math.max(1, Math.floor(fine / step));
  return fine === Number.POSITIVE_INFINITY
    ? Math.min(mostSegments, coarse * step)
    : Math.floor(Math.sqrt(coarse * fine));
}

/** As many segments as items are wanted, and up to three times as many while items are lacking. */
async function drawSegments(
  amount: number,
  of: number,
  { read, random }: { readonly read: (segment: Segment) => Promise<ItemPage>; readonly random: () => number },
): Promise<{ readonly items: readonly Item[]; readonly complete: boolean; readonly whole: boolean }> {
  const items: Item[] = [];
  const drawn = new Set<number>();
  const most = Math.min(of, 3 * amount);
  while (drawn.size < most && (drawn.size < amount || items.length < amount)) {
    const index = Math.floor(random() * of);
    if (drawn.has(index)) continue;
    drawn.add(index);
    const page = await read({ index, of });
    items.push(...page.items);
    if (page.after !== undefined) return { items, complete: false, whole: false };
  }
  return { items, complete: true, whole: drawn.size === of };
}

/** The first `amount` of a shuffle. */
function drawItems(items: readonly Item[], amount: number, random: () => number): readonly Item[] {
  const left = [...items];
  for (let index = 0; index < Math.min(amount, left.length); index++) {
    const other = index + Math.floor(random() * (left.length - index));
    const [one, two] = [left[index], left[other]];
    if (one !== undefined && two !== undefined) [left[index], left[other]] = [two, one];
  }
  return left.slice(0, amount);
}
