import { FlagdCore } from '@openfeature/flagd-core';
import { expect, it } from 'vitest';
import type { FlagDefinition } from '../../src/flags/flag.js';
import { FlagEvaluator } from '../../src/openfeature/index.js';

const onOff: FlagDefinition = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off' };
const share = {
  fractional: [
    ['on', 30],
    ['off', 70],
  ],
};

it('FLAGS-10: buckets as flagd-core does over a whole file', () => {
  const flags = { a: { ...onOff, targeting: share }, b: { ...onOff, targeting: share } };
  const whole = new FlagdCore(undefined, undefined, { disableDynamicCodeGeneration: true });
  whole.setConfigurations(JSON.stringify({ flags }));
  const evaluator = new FlagEvaluator({ flags: new Map(Object.entries(flags)), problems: new Map(), metadata: {} });
  for (let i = 0; i < 500; i++) {
    const context = { targetingKey: `user-${i}` };
    for (const key of ['a', 'b']) {
      const { value } = evaluator.resolve('boolean', key, false, context);
      expect(value).toBe(whole.resolveBooleanEvaluation(key, false, context).value);
    }
  }
});

it('FLAGS-3: of 10,000 flags a change makes ready the one that it changes', () => {
  const flags = new Map<string, FlagDefinition>();
  let reads = 0;
  const counted = {
    has: (key: string) => flags.has(key),
    get: (key: string) => {
      reads += 1;
      return flags.get(key);
    },
    keys: () => flags.keys(),
  } as unknown as ReadonlyMap<string, FlagDefinition>;
  for (let i = 0; i < 10_000; i++) flags.set(`f${i}`, onOff);
  const evaluator = new FlagEvaluator({ flags: counted, problems: new Map(), metadata: {} });
  const all = () => [...flags.keys()].map((key) => evaluator.resolve<boolean>('boolean', key, false, {}).value);
  all();
  expect(reads).toBe(10_000);
  flags.set('f7', { ...onOff, defaultVariant: 'on' });
  evaluator.changed(['f7']);
  expect(all().indexOf(true)).toBe(7);
  expect(reads).toBe(10_001);
});
