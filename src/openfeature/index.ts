export { ConclaveFlagProvider, type ConclaveFlagProviderOptions } from './conclave-flag-provider.js';
export { type EvaluatedFlags, FlagEvaluator } from './flag-evaluator.js';
