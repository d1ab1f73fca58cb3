import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';

/** `name{label="value"}` of an expression. */
export interface Selector {
  readonly metric: string;
  readonly matchers: readonly Matcher[];
}

export interface Matcher {
  readonly label: string;
  readonly operator: string;
  readonly value: string;
}

/** The labels of a metric as Prometheus stores it, `job` and `instance` included; undefined when there is no such metric. */
export type LabelsOf = (metric: string) => ReadonlySet<string> | undefined;

/** Everything that an expression reads. */
export function selectorsOf(expression: string): Selector[] {
  const found: Selector[] = [];
  parser
    .parse(expression)
    .topNode.cursor()
    .iterate((node) => {
      if (node.name === 'VectorSelector') found.push(selectorAt(node.node, expression));
    });
  return found;
}

/** Ranges and offsets of an expression, as they stand there. */
export function durationsOf(expression: string): string[] {
  return [...expression.matchAll(/\[(\w+)[\]:]/g)].map(([, duration = '']) => duration);
}

/**
 * What can never be true in an expression: a metric or label that does not exist, operands whose labels can never be
 * equal. Empty when all is well.
 */
export function problemsOf(expression: string, labelsOf: LabelsOf): string[] {
  const problems: string[] = [];
  const tree = parser.parse(expression);
  tree.iterate({
    enter: ({ type, from, to }) => {
      if (type.isError) problems.push(`does not parse near "${expression.slice(Math.max(0, from - 10), to + 10)}"`);
    },
  });
  new Inference(expression, labelsOf, problems).labels(tree.topNode.firstChild);
  return problems;
}

/** The labels that an expression gives. */
export function resultLabels(expression: string, labelsOf: LabelsOf): ReadonlySet<string> {
  return new Inference(expression, labelsOf, []).labels(parser.parse(expression).topNode.firstChild) ?? new Set();
}

function textOf(node: SyntaxNode, expression: string): string {
  return expression.slice(node.from, node.to);
}

function selectorAt(node: SyntaxNode, expression: string): Selector {
  const name = node.getChild('Identifier');
  const matchers = node.getChild('LabelMatchers')?.getChildren('UnquotedLabelMatcher') ?? [];
  return {
    metric: name === null ? '' : textOf(name, expression),
    matchers: matchers.map((matcher) => {
      const [label, operator, value] = ['LabelName', 'MatchOp', 'StringLiteral'].map((part) => {
        const child = matcher.getChild(part);
        return child === null ? '' : textOf(child, expression);
      });
      return { label: label ?? '', operator: operator ?? '', value: (value ?? '').slice(1, -1) };
    }),
  };
}

/** Labels of each part of an expression; undefined for numbers. */
type Labels = ReadonlySet<string> | undefined;

class Inference {
  readonly #expression: string;
  readonly #labelsOf: LabelsOf;
  readonly #problems: string[];

  constructor(expression: string, labelsOf: LabelsOf, problems: string[]) {
    this.#expression = expression;
    this.#labelsOf = labelsOf;
    this.#problems = problems;
  }

  labels(node: SyntaxNode | null): Labels {
    if (node === null) return undefined;
    switch (node.name) {
      case 'VectorSelector':
        return this.#ofSelector(node);
      case 'AggregateExpr':
        return this.#ofAggregate(node);
      case 'BinaryExpr':
        return this.#ofBinary(node);
      case 'FunctionCall':
        return this.#ofFunction(node);
      default:
        return this.#ofOnlyVector(node);
    }
  }

  /** Functions, brackets, offsets and ranges give the labels of the one vector in them. */
  #ofOnlyVector(node: SyntaxNode): Labels {
    for (let child = node.firstChild; child !== null; child = child.nextSibling) {
      const labels = this.labels(child);
      if (labels !== undefined) return labels;
    }
    return undefined;
  }

  /** `label_replace` gives a label that its vector need not have. */
  #ofFunction(node: SyntaxNode): Labels {
    const inner = this.#ofOnlyVector(node);
    const [, made, , from] =
      /^label_replace\((?:.|\n)*,\s*"(\w+)",\s*"([^"]*)",\s*"(\w+)",\s*"[^"]*"\)$/.exec(
        textOf(node, this.#expression),
      ) ?? [];
    if (inner === undefined || made === undefined || from === undefined) return inner;
    if (!inner.has(from)) this.#problems.push(`label_replace from ${from} of something without it`);
    return new Set([...inner, made]);
  }

  #ofSelector(node: SyntaxNode): Labels {
    const { metric, matchers } = selectorAt(node, this.#expression);
    const labels = this.#labelsOf(metric);
    if (labels === undefined) this.#problems.push(`there is no metric ${metric}`);
    for (const { label } of matchers) {
      if (labels !== undefined && !labels.has(label)) this.#problems.push(`${metric} has no label ${label}`);
    }
    return labels ?? new Set();
  }

  #ofAggregate(node: SyntaxNode): Labels {
    const inner = this.#ofOnlyVector(node);
    const modifier = node.getChild('AggregateModifier');
    if (modifier === null) return new Set();
    const grouping = this.#grouping(modifier);
    if (modifier.getChild('By') === null) return new Set([...(inner ?? [])].filter((label) => !grouping.has(label)));
    for (const label of grouping) {
      if (inner !== undefined && !inner.has(label)) this.#problems.push(`by (${label}) of something without ${label}`);
    }
    return grouping;
  }

  #ofBinary(node: SyntaxNode): Labels {
    const left = this.labels(node.firstChild);
    const right = this.labels(node.lastChild);
    if (left === undefined || right === undefined) return left ?? right;
    const clause = node.getChild('MatchingModifierClause');
    const isUnion = node.getChild('Or') !== null;
    if (!isUnion) this.#checkMatch(left, right, clause);
    if (isUnion) return new Set([...left, ...right]);
    if (['And', 'Unless'].some((operator) => node.getChild(operator) !== null)) return left;
    if (clause?.getChild('GroupLeft')) return left;
    return clause?.getChild('On') ? this.#grouping(clause) : left;
  }

  #checkMatch(left: ReadonlySet<string>, right: ReadonlySet<string>, clause: SyntaxNode | null): void {
    const named = clause === null ? new Set<string>() : this.#grouping(clause);
    if (clause?.getChild('On')) {
      // A label that neither side has is equal on both: `node` of a Redis that is alone.
      const lost = [...named].filter((label) => left.has(label) !== right.has(label));
      if (lost.length > 0) this.#problems.push(`on (${lost.join(', ')}): only one side has it`);
      return;
    }
    const different = [...left.symmetricDifference(right)].filter((label) => !named.has(label));
    if (different.length > 0) this.#problems.push(`operands differ in ${different.join(', ')}`);
  }

  #grouping(node: SyntaxNode): ReadonlySet<string> {
    const names = node.getChild('GroupingLabels')?.getChildren('LabelName') ?? [];
    return new Set(names.map((name) => textOf(name, this.#expression)));
  }
}
