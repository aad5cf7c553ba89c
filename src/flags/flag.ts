import { ConclaveError } from '../core/errors.js';
import { isPlainObject, isSafeName, type Plain } from '../core/plain.js';

/** A flag as flagd has it (https://flagd.dev/schema/v0/flags.json): all variants of one type. */
export interface FlagDefinition {
  readonly state: 'ENABLED' | 'DISABLED';
  readonly variants: Readonly<Record<string, Plain>>;
  /** Absent: whoever asks gets the default in the code. */
  readonly defaultVariant?: string | null | undefined;
  /** JSONLogic whose result names a variant. */
  readonly targeting?: Plain | undefined;
  readonly metadata?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** A file of flags, as flagd reads it. */
export interface FlagFile {
  readonly $schema?: string | undefined;
  readonly flags: Readonly<Record<string, FlagDefinition>>;
  /** Rules that flags share: `{"$ref":"name"}`. */
  readonly $evaluators?: Readonly<Record<string, Plain>> | undefined;
  readonly metadata?: Readonly<Record<string, string | number | boolean>> | undefined;
}

/** Why a definition is none; undefined: it is one. */
export function flawOf(value: unknown): string | undefined {
  if (!isPlainObject(value)) return 'a flag is an object';
  const { state, variants, defaultVariant, targeting, metadata } = value;
  if (state !== 'ENABLED' && state !== 'DISABLED') return 'state is ENABLED or DISABLED';
  if (!isPlainObject(variants) || Object.keys(variants).length === 0) return 'variants is an object with members';
  if (!areAlike(Object.values(variants))) return 'variants are all of one type';
  if (defaultVariant !== undefined && defaultVariant !== null) {
    const known = typeof defaultVariant === 'string' && Object.hasOwn(variants, defaultVariant);
    if (!known) return `defaultVariant ${JSON.stringify(defaultVariant)} is none of the variants`;
  }
  if (targeting !== undefined && !isPlainObject(targeting)) return 'targeting is an object';
  if (metadata !== undefined && !isPlainObject(metadata)) return 'metadata is an object';
  return undefined;
}

/** @throws ConclaveError `INVALID_NAME`. */
export function checkFlagKey(key: string): string {
  if (typeof key === 'string' && isSafeName(key) && !key.startsWith('$') && !key.includes('/')) return key;
  const shown = JSON.stringify(key);
  throw new ConclaveError('INVALID_NAME', `a flag's key has no "/" in it and no "$" at its start, got ${shown}`);
}

/** @throws ConclaveError `INVALID_VALUE`. */
export function checkFlag(key: string, value: unknown): FlagDefinition {
  const flaw = flawOf(value);
  if (flaw !== undefined) throw new ConclaveError('INVALID_VALUE', `flag ${JSON.stringify(key)}: ${flaw}`);
  return value as FlagDefinition;
}

function areAlike([first, ...rest]: readonly unknown[]): boolean {
  const kind = kindOf(first);
  for (const each of rest) if (kindOf(each) !== kind) return false;
  return kind !== undefined;
}

function kindOf(value: unknown): 'boolean' | 'string' | 'number' | 'object' | undefined {
  if (typeof value === 'boolean' || typeof value === 'string' || typeof value === 'number') {
    return typeof value as 'boolean' | 'string' | 'number';
  }
  return typeof value === 'object' && value !== null ? 'object' : undefined;
}
