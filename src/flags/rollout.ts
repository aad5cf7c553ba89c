import { ConclaveError } from '../core/errors.js';
import { isPlainObject, numberOr, type Plain } from '../core/plain.js';
import type { FlagDefinition } from './flag.js';

/** Who gets a variant; the others get the flag's default. */
export interface FlagRollout {
  readonly variant: string;
  /** 0 to 100, of all targeting keys, to a thousandth. */
  readonly percent: number;
  /** Targeting keys that get it whatever the percentage. */
  readonly keys?: readonly string[] | undefined;
}

/** Whole weights for thousandths of a percent. */
const whole = 100_000;

/**
 * The flag with a rule that gives `variant` to a share: flagd's `fractional`, the growing share first, so that a higher
 * percentage drops nobody. It is enabled by that.
 * @throws ConclaveError `INVALID_ARGUMENT`, also for a share of all that gets what is the default;
 * `FAILED_PRECONDITION` when the flag has a rule of another kind, unless `replace`.
 */
export function rolledOut(flag: FlagDefinition, rollout: FlagRollout, replace: boolean): FlagDefinition {
  const { variant, percent, keys = [] } = rollout;
  if (!Object.hasOwn(flag.variants, variant)) {
    throw new ConclaveError('INVALID_ARGUMENT', `the flag has no variant ${JSON.stringify(variant)}`);
  }
  if (!(percent >= 0 && percent <= 100)) {
    throw new ConclaveError('INVALID_ARGUMENT', `a percentage is from 0 to 100, got ${percent}`);
  }
  if (variant === flag.defaultVariant && percent < 100) {
    const text = `${JSON.stringify(variant)} is the flag's default: those outside of the ${percent} % would get it too`;
    throw new ConclaveError('INVALID_ARGUMENT', text);
  }
  if (!replace && !isRollout(flag.targeting)) {
    throw new ConclaveError('FAILED_PRECONDITION', 'the flag has a rule of its own, which a rollout would replace');
  }
  const weight = Math.round((percent * whole) / 100);
  const share = {
    fractional: [
      [variant, weight],
      [flag.defaultVariant ?? null, whole - weight],
    ],
  };
  const targeting = keys.length === 0 ? share : { if: [{ in: [{ var: 'targetingKey' }, [...keys]] }, variant, share] };
  return { ...flag, state: 'ENABLED', targeting };
}

/** None, or one that was made here: those may be made again. */
function isRollout(targeting: Plain | undefined): boolean {
  if (targeting === undefined || (isPlainObject(targeting) && Object.keys(targeting).length === 0)) return true;
  if (!isPlainObject(targeting)) return false;
  const { if: chosen, fractional } = targeting;
  if (Array.isArray(chosen) && chosen.length === 3 && isKeyTest(chosen[0])) return isRollout(chosen[2] as Plain);
  return Array.isArray(fractional) && fractional.length === 2 && weightOf(fractional) === whole;
}

/** Of all shares; those of a rule that somebody has written by hand seldom come to `whole`. */
function weightOf(shares: readonly unknown[]): number {
  return shares.reduce<number>((sum, share) => sum + (Array.isArray(share) ? numberOr(share[1], 1) : Number.NaN), 0);
}

function isKeyTest(test: unknown): boolean {
  return isPlainObject(test) && JSON.stringify(test.in)?.startsWith('[{"var":"targetingKey"},[') === true;
}
