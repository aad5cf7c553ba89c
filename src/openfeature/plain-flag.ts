import { type JsonValue, StandardResolutionReasons } from '@openfeature/core';
import type { FeatureFlag } from '@openfeature/flagd-core';
import { type FlagDefinition, flawOf } from '../flags/flag.js';

/**
 * A flag without rules, whose answer is the same for everybody, for flagd's evaluator: as its own `FeatureFlag`, which
 * hashes what it is given, and takes most of what a change costs for that. Undefined where that one has to judge:
 * rules, and what is no flag.
 */
export function plainFlag(flag: FlagDefinition): FeatureFlag | undefined {
  const { state, variants, targeting, metadata = {} } = flag;
  if (flawOf(flag) !== undefined || Object.keys(targeting ?? {}).length > 0) return undefined;
  // As flagd has it, no text is no default.
  const variant = flag.defaultVariant || undefined;
  const said =
    variant === undefined
      ? { reason: StandardResolutionReasons.DEFAULT }
      : { value: variants[variant] as JsonValue, reason: StandardResolutionReasons.STATIC, variant };
  const details = { ...said, flagMetadata: metadata };
  // All that flagd's evaluator asks a flag for; it makes a copy of what it is told.
  const asked: Pick<FeatureFlag, 'state' | 'metadata' | 'evaluate'> = { state, metadata, evaluate: () => details };
  return asked as FeatureFlag;
}
