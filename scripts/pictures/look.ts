import type { FieldJson } from './board-json.ts';
import { formatValue } from './units.ts';

/** Grafana's colours on a dark ground. */
const colors: Readonly<Record<string, string>> = {
  green: '#73bf69',
  orange: '#ff9830',
  red: '#f2495c',
  blue: '#5794f2',
  text: '#ccccdc',
};
const palette = [
  '#73bf69',
  '#f2cc0c',
  '#8ab8ff',
  '#ff780a',
  '#f2495c',
  '#5794f2',
  '#b877d9',
  '#c8a2d8',
  '#37872d',
  '#fade2a',
  '#447ebc',
  '#c15c17',
];

export const colorOf = (name: string) => colors[name] ?? colors['text'] ?? '';
/** Of the series at a place, where values do not decide. */
export const paletteAt = (at: number) => palette[at % palette.length] ?? '';

const keyOf = (value: number) => (value === Infinity ? 'Infinity' : String(value));

/** The word that stands for a value, if there is one. */
export function mappingOf({ mappings = [] }: FieldJson, value: number) {
  return mappings.map(({ options }) => options[keyOf(value)]).find((found) => found !== undefined);
}

export function textOf(field: FieldJson, value: number): string {
  return mappingOf(field, value)?.text ?? formatValue(value, field.unit, field.decimals);
}

/** By its mapping, then by the thresholds. */
export function colorOfValue(field: FieldJson, value: number): string {
  const mapped = mappingOf(field, value)?.color;
  if (mapped !== undefined) return colorOf(mapped);
  const steps = field.thresholds?.steps ?? [];
  const step = steps.findLast((one) => one.value === null || value >= one.value);
  return colorOf(step?.color ?? 'text');
}

/** Whether values have colours of their own. */
export const hasColors = ({ color }: FieldJson) => color?.mode === 'thresholds';
