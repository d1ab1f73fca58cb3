import type { ExpositionFormat } from '../collectors/exposition.ts';

/** One choice of an `Accept` or `Accept-Encoding` header. */
interface Choice {
  /** Lower case: `text/plain`, `gzip`, `*`. */
  readonly value: string;
  readonly parameters: ReadonlyMap<string, string>;
  /** 0 (not at all) to 1. */
  readonly weight: number;
}

/**
 * Which format the caller likes best; text where it says nothing or nothing that we have, so that `curl` and browsers
 * see something. Of equal wishes the first one wins. Other versions of the text format are answered with 0.0.4, which
 * they contain.
 */
export function chooseFormat(accept: string | undefined): ExpositionFormat {
  const choices = parseChoices(accept ?? '').filter(({ weight }) => weight > 0);
  const [best] = choices
    .map((choice) => ({ format: formatOf(choice), weight: choice.weight }))
    .filter(({ format }) => format !== undefined)
    .sort((a, b) => b.weight - a.weight);
  return best?.format ?? 'text';
}

/** Prometheus adds parameters (`escaping`) that change nothing for names like ours, so only the version counts. */
function formatOf({ value, parameters }: Choice): ExpositionFormat | undefined {
  if (value === 'application/openmetrics-text') {
    return (parameters.get('version') ?? '1.0.0') === '1.0.0' ? 'openmetrics' : undefined;
  }
  return value === 'text/plain' || value === 'text/*' || value === '*/*' ? 'text' : undefined;
}

/** Whether the caller asks for gzip in `Accept-Encoding`. */
export function acceptsGzip(acceptEncoding: string | undefined): boolean {
  const choices = parseChoices(acceptEncoding ?? '');
  const choice = choices.find(({ value }) => value === 'gzip') ?? choices.find(({ value }) => value === '*');
  return choice !== undefined && choice.weight > 0;
}

function parseChoices(header: string): Choice[] {
  return header
    .split(',')
    .map((part) => part.split(';').map((piece) => piece.trim().toLowerCase()))
    .flatMap(([value = '', ...pieces]) => {
      if (value === '') return [];
      const parameters = new Map(pieces.map(parseParameter));
      return [{ value, parameters, weight: parseWeight(parameters.get('q')) }];
    });
}

function parseParameter(piece: string): [name: string, value: string] {
  const [name = '', value = ''] = piece.split('=', 2);
  return [name.trim(), value.trim().replace(/^"(.*)"$/, '$1')];
}

function parseWeight(q: string | undefined): number {
  const weight = Number(q ?? '1');
  return weight >= 0 && weight <= 1 ? weight : 0;
}
