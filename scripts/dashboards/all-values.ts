import { variablesOf } from './board.ts';
import { boards } from './index.ts';

const variables = new RegExp(
  `\\$(${[...new Set(boards.flatMap(variablesOf).map(({ name }) => name))].join('|')})\\b`,
  'g',
);

/** The expression as Grafana sends it where `All` is chosen of every variable. */
export function withAllValues(expression: string): string {
  return expression.replaceAll(variables, '.*');
}
