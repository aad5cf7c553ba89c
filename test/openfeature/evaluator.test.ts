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

const plain: Record<string, FlagDefinition> = {
  on: { ...onOff, defaultVariant: 'on', metadata: { owner: 'shop', priority: 1 } },
  text: { state: 'ENABLED', variants: { a: 'A', b: '' }, defaultVariant: 'b' },
  number: { state: 'ENABLED', variants: { none: 0, some: 0.5 }, defaultVariant: 'none' },
  object: { state: 'ENABLED', variants: { a: { x: [1] }, b: {} }, defaultVariant: 'a' },
  disabled: { ...onOff, state: 'DISABLED', metadata: { owner: 'shop' } },
  'no default': { state: 'ENABLED', variants: { on: true } },
  'null for a default': { state: 'ENABLED', variants: { on: true }, defaultVariant: null },
  'no text for a default': { state: 'ENABLED', variants: { '': true }, defaultVariant: '' },
  'rules that say nothing': { ...onOff, targeting: {} },
  'null for rules': { ...onOff, targeting: null },
  'null for metadata': { ...onOff, metadata: null as unknown as undefined },
  'rules without an answer': { ...onOff, targeting: { if: [{ '==': [1, 2] }, 'on', null] } },
  "a variant named as an object's member": {
    state: 'ENABLED',
    variants: { toString: true },
    defaultVariant: 'toString',
  },
};

it.each(Object.entries(plain))('FLAGS-10: of each type, "%s" is what flagd-core says', (key, flag) => {
  const whole = new FlagdCore(undefined, undefined, { disableDynamicCodeGeneration: true });
  whole.setConfigurations(JSON.stringify({ flags: { [key]: flag }, metadata: {} }));
  const evaluator = new FlagEvaluator({ flags: new Map([[key, flag]]), problems: new Map(), metadata: {} });
  for (const [type, fallback] of Object.entries({
    boolean: false,
    string: 's',
    number: 7,
    object: { x: 1 },
  } as const)) {
    const ask = [type as 'boolean', key, fallback as never, {}] as const;
    const said = evaluator.resolve(...ask);
    expect(said).toEqual(whole.resolve(...ask));
    expect(Object.keys(said).sort()).toEqual(Object.keys(whole.resolve(...ask)).sort());
  }
});

it.each<[string, object]>([
  ['a state of its own', { ...onOff, state: 'ON' }],
  ['a default that is none', { ...onOff, defaultVariant: 'x' }],
  ['an inherited default', { ...onOff, defaultVariant: 'toString' }],
])('FLAGS-10: %s is refused as by flagd-core', (_what, flag) => {
  const of = (key: string) => new Map([[key, flag as FlagDefinition]]);
  const evaluator = new FlagEvaluator({ flags: of('a'), problems: new Map(), metadata: {} });
  const whole = new FlagdCore(undefined, undefined, { disableDynamicCodeGeneration: true });
  expect(() => evaluator.resolve('boolean', 'a', false, {})).toThrow();
  expect(() => whole.setConfigurations(JSON.stringify({ flags: Object.fromEntries(of('a')) }))).toThrow();
});

it("FLAGS-10: what is answered is a copy: who changes it changes nobody else's answer", () => {
  const evaluator = new FlagEvaluator({ flags: new Map([['on', onOff]]), problems: new Map(), metadata: {} });
  const first = evaluator.resolve<boolean>('boolean', 'on', true, {});
  Object.assign(first, { value: 'another', reason: 'mine' });
  expect(evaluator.resolve<boolean>('boolean', 'on', true, {})).toMatchObject({ value: false, reason: 'STATIC' });
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

it('FLAGS-3: of keys that are no flags it keeps nothing, and one that comes is there', () => {
  const flags = new Map<string, FlagDefinition>();
  const asked: string[] = [];
  const get = (key: string) => {
    asked.push(key);
    return flags.get(key);
  };
  const watched = { get } as unknown as typeof flags;
  const evaluator = new FlagEvaluator({ flags: watched, problems: new Map(), metadata: {} });
  const ask = () => evaluator.resolve<boolean>('boolean', 'of-user-7', true, {});
  for (const _ of [1, 2]) expect(ask()).toMatchObject({ value: true, errorCode: 'FLAG_NOT_FOUND' });
  expect(asked).toEqual(['of-user-7', 'of-user-7']);
  flags.set('of-user-7', onOff);
  expect(ask()).toMatchObject({ value: false });
});
