import type { JsonValue } from '@openfeature/core';
import type { FeatureFlag } from '@openfeature/flagd-core';
import type { FlagDefinition } from '../flags/flag.js';

/** All that flagd's evaluator asks a flag for. */
type Asked = Pick<FeatureFlag, 'state' | 'metadata' | 'evaluate'>;

/**
 * A flag without rules, whose answer is the same for everybody, for flagd's evaluator. Its own `FeatureFlag` hashes
 * what it is given, which takes most of what a change costs. Undefined where that one has to judge: rules, and what is
 * no flag.
 */
export function plainFlag(flag: FlagDefinition): FeatureFlag | undefined {
  const { state, variants, targeting } = flag;
  // Null as well, which a shared rule may be: then there are none.
  if (Object.keys(targeting ?? {}).length > 0) return undefined;
  if (state !== 'ENABLED' && state !== 'DISABLED') return undefined;
  const metadata = flag.metadata ?? {};
  // As flagd has it, no text is no default.
  const variant = flag.defaultVariant || undefined;
  if (variant !== undefined && !Object.hasOwn(variants, variant)) return undefined;
  const details = detailsOf(variants, variant, metadata);
  // It makes a copy of what it is told.
  const asked: Asked = { state, metadata, evaluate: () => details };
  return asked as FeatureFlag;
}

function detailsOf(
  variants: FlagDefinition['variants'],
  variant: string | undefined,
  flagMetadata: NonNullable<FlagDefinition['metadata']>,
): ReturnType<Asked['evaluate']> {
  if (variant === undefined) return { reason: 'DEFAULT', flagMetadata };
  return { value: variants[variant] as JsonValue, reason: 'STATIC', variant, flagMetadata };
}
