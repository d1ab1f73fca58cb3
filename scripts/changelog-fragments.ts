/** Kinds of changes, in the order in which a release lists them. */
const kinds = ['Security', 'Removed', 'Changed', 'Added', 'Fixed'] as const;
type Kind = (typeof kinds)[number];

/** A change that users notice: a file of `changes/unreleased/`. */
export interface Fragment {
  readonly kind: Kind;
  /** One sentence, without a full stop. */
  readonly title: string;
  /** May be empty. */
  readonly text: string;
}

const releasesMark = '<!-- releases -->';

/** Reads `Kind: title`, an empty line, and text. Throws with the file's name and what is wrong. */
export function parseFragment(name: string, content: string): Fragment {
  const [first = '', second = '', ...rest] = content.trimEnd().split('\n');
  const [, word, title] = /^(\w+): (\S.*[^.\s])$/.exec(first) ?? [];
  const kind = kinds.find((known) => known === word);
  if (kind === undefined || title === undefined) {
    throw new Error(`${name}: the first line must be "${kinds.join('|')}: a sentence without a full stop"`);
  }
  if (second !== '') throw new Error(`${name}: the second line must be empty`);
  return { kind, title, text: rest.join('\n').trim() };
}

/** The changelog with a release added at the top. Throws when there is nothing to release. */
export function addRelease(
  changelog: string,
  release: { readonly version: string; readonly date: string; readonly fragments: readonly Fragment[] },
): string {
  const { version, date, fragments } = release;
  if (fragments.length === 0) throw new Error('there is no change to release');
  if (!changelog.includes(releasesMark)) throw new Error(`the changelog has no line "${releasesMark}"`);
  const sections = kinds.flatMap((kind) => {
    const items = fragments.filter((fragment) => fragment.kind === kind).map(renderItem);
    return items.length === 0 ? [] : [`### ${kind}`, items.join('\n')];
  });
  const text = [`## ${version} (${date})`, ...sections].join('\n\n');
  return changelog.replace(releasesMark, () => `${releasesMark}\n\n${text}`);
}

function renderItem({ title, text }: Fragment): string {
  const body = text === '' ? [] : text.split('\n').map((line) => (line === '' ? '' : `  ${line}`));
  return [`- **${title}.**`, ...body].join('\n');
}
