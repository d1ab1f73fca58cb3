import { DockerfileParser } from 'dockerfile-ast';

/** One line of a Dockerfile, continuation lines joined. */
export interface Instruction {
  /** Upper case: `RUN`, `COPY`, … */
  readonly keyword: string;
  /** `--name=value` before the arguments. */
  readonly flags: Readonly<Record<string, string>>;
  /** What follows the flags, as it is written. */
  readonly text: string;
  /** The words of the text; of the JSON form its elements. */
  readonly words: readonly string[];
}

/** What one `FROM` begins. */
export interface Stage {
  readonly image: string;
  /** After `AS`; undefined for the last one, usually. */
  readonly name: string | undefined;
  readonly instructions: readonly Instruction[];
}

/** The stages of a Dockerfile without `ARG` before its first `FROM`. */
export function parseDockerfile(text: string): Stage[] {
  const stages: (Stage & { instructions: Instruction[] })[] = [];
  for (const parsed of DockerfileParser.parse(text).getInstructions()) {
    const keyword = parsed.getInstruction();
    const instruction = readInstruction(keyword, parsed.getTextContent().slice(keyword.length));
    if (instruction.keyword === 'FROM') {
      const [image = '', , name] = instruction.words;
      stages.push({ image, name, instructions: [] });
    } else {
      const stage = stages.at(-1);
      if (stage === undefined) throw new Error(`${instruction.keyword} before FROM is not understood here`);
      stage.instructions.push(instruction);
    }
  }
  return stages;
}

function readInstruction(keyword: string, written: string): Instruction {
  const flags: Record<string, string> = {};
  let text = written.trim();
  for (;;) {
    const [flag, name, value] = /^--([a-z-]+)=(\S+)\s+/.exec(text) ?? [];
    if (flag === undefined || name === undefined || value === undefined) break;
    flags[name] = value;
    text = text.slice(flag.length);
  }
  return { keyword: keyword.toUpperCase(), flags, text, words: wordsOf(text) };
}

function wordsOf(text: string): string[] {
  if (text.startsWith('[')) return JSON.parse(text) as string[];
  return text
    .replaceAll('\\\n', ' ')
    .split(/\s+/)
    .filter((word) => word !== '');
}

/** Variables of `ENV A=1 B="two words"` and `ARG A=""`. */
export function variablesOf({ text }: Instruction): Record<string, string> {
  const pairs = text.replaceAll('\\\n', ' ').matchAll(/([\w.]+)=("[^"]*"|\S*)/g);
  return Object.fromEntries([...pairs].map(([, name = '', value = '']) => [name, value.replace(/^"(.*)"$/, '$1')]));
}

/** The packages that a `RUN` instruction asks apt-get for, in its order; not those whose names a variable holds. */
export function packagesOf({ text }: Instruction): string[] {
  const installs = text.replaceAll('\\\n', ' ').matchAll(/apt-get install ((?:[^&|;])*)/g);
  return [...installs].flatMap(([, args = '']) => args.split(/\s+/).filter((word) => /^[a-z0-9]/.test(word)));
}
