import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { readConfig } from '../../../src/config/load.ts';
import { scheduleProblem } from '../../../src/jobs/schedule.ts';

const example = readFileSync(new URL('../../../config.example.yaml', import.meta.url), 'utf8');

function read(text: string) {
  const environment = { SHOP_BACKUP_PASSWORD: 'x' };
  const knowledge = { collectorNames: () => ['slow_queries'], scheduleProblem };
  return readConfig(text, { file: '/etc/watchkeeper.yaml', environment, knowledge });
}

/** Every mapping and list of the example, as a way to reach it. */
function holdersOf(value: unknown, reach: (root: unknown) => unknown): ((root: unknown) => unknown)[] {
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.keys(value).flatMap((key) =>
    holdersOf(
      (value as Record<string, unknown>)[key],
      (root) => (reach(root) as Record<string, unknown> | null | undefined)?.[key],
    ),
  );
  return [reach, ...inner];
}

const holders = holdersOf(parse(example), (root) => root);
const anything = fc.oneof(
  fc.constantFrom(null, '', '${', '${X}', 'file:', [], {}, [null], { type: 's3' }, -1, 1e21, true, '__proto__'),
  fc.jsonValue(),
);
const damage = fc.record({ holder: fc.nat(), key: fc.nat(), value: anything, add: fc.boolean() });

test('whatever value stands wherever, the answer is a list of problems with lines, never a crash', {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(fc.array(damage, { minLength: 1, maxLength: 4 }), (damages) => {
      const root = parse(example);
      for (const { holder, key, value, add } of damages) {
        const place = holders[holder % holders.length]?.(root);
        if (typeof place !== 'object' || place === null) continue;
        const keys = Object.keys(place);
        const name = add ? `extra${key % 3}` : (keys[key % keys.length] ?? 'extra');
        (place as Record<string, unknown>)[name] = structuredClone(value);
      }

      const result = read(stringify(root));

      const problems = result.ok ? result.warnings : result.problems;
      expect(problems.every(({ line, column, message }) => line > 0 && column > 0 && message !== '')).toBe(true);
      expect(result.ok || result.problems.length > 0).toBe(true);
    }),
    { numRuns: 150 },
  );
});

test('whatever is cut out of the text, the answer is a list of problems with lines, never a crash', {
  timeout: 120_000,
}, () => {
  fc.assert(
    fc.property(fc.nat(example.length), fc.nat(200), fc.string({ maxLength: 5 }), (from, length, instead) => {
      const result = read(example.slice(0, from) + instead + example.slice(from + length));

      expect(result.ok || result.problems.every(({ line }) => line > 0)).toBe(true);
    }),
    { numRuns: 150 },
  );
});
