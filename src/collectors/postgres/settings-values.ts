/** A setting as a number in a base unit. */
export interface SettingValue {
  readonly value: number;
  /** Undefined for a plain number or a switch. */
  readonly unit: 'seconds' | 'bytes' | undefined;
}

const perSecond: Readonly<Record<string, number>> = { us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3_600, d: 86_400 };
const perByte: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1_024,
  MB: 1_024 ** 2,
  GB: 1_024 ** 3,
  TB: 1_024 ** 4,
};

/**
 * What pg_settings says in a base unit. `unit` is its unit there: empty, `ms`, `min`, `kB`, `8kB`, … Aurora writes a unit into
 * the value itself (`16MB`); it counts then. Undefined where there is no number.
 */
export function settingValue(setting: string, unit: string): SettingValue | undefined {
  const groups = /^(?<amount>-?\d+(\.\d+)?(e[+-]?\d+)?)\s*(?<own>[a-zA-Z]*)$/.exec(setting)?.groups;
  if (groups === undefined) return undefined;
  const amount = Number(groups['amount']);
  const measured = inBaseUnit(amount, groups['own'] === '' || groups['own'] === undefined ? unit : groups['own']);
  // -1 says "none" or "as something else" and is no amount; 0 is the same in every unit.
  return measured === undefined || amount !== -1 ? measured : { ...measured, value: -1 };
}

function inBaseUnit(amount: number, unit: string): SettingValue | undefined {
  if (unit === '') return { value: amount, unit: undefined };
  const seconds = perSecond[unit];
  if (seconds !== undefined) return { value: amount * seconds, unit: 'seconds' };
  const [, blocks = '', size = ''] = /^(\d*)(\w+)$/.exec(unit) ?? [];
  const bytes = perByte[size];
  if (bytes === undefined) return undefined;
  return { value: amount * bytes * (blocks === '' ? 1 : Number(blocks)), unit: 'bytes' };
}

/** What follows `pg_settings_` in a metric's name: as the setting is called, with what names may not hold replaced. */
export function settingName(name: string, unit: SettingValue['unit']): string {
  const plain = name.replaceAll(/[^a-zA-Z0-9_]/g, '_');
  return unit === undefined ? plain : `${plain}_${unit}`;
}
