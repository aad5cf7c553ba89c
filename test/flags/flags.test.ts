import { describe, expect, it } from 'vitest';
import { typesOfFile } from '../../src/flags/flag-file.js';
import type { FlagsChange } from '../../src/flags/flag-set.js';
import { putRaw, removeAll } from '../config/support/config-world.js';
import { errorOf, inWorld } from '../support/sim-world.js';
import { nextUncaught, uncaughtDuring } from '../support/uncaught.js';

const onOff = { state: 'ENABLED', variants: { on: true, off: false }, defaultVariant: 'off' } as const;

describe('flags', () => {
  it('FLAGS-1: are written, switched, listed and taken away, one key each in flagd’s format', () =>
    inWorld(async (world) => {
      const { flags } = world.client().conclave;
      await world.until(flags.set('new-ui', onOff));
      await world.until(flags.disable('new-ui'));
      expect(await world.until(flags.get('new-ui'))).toEqual({ ...onOff, state: 'DISABLED' });
      const revision = await world.until(flags.enable('new-ui'));
      expect(await world.until(flags.enable('new-ui'))).toBe(revision);
      await world.until(flags.setDefault('new-ui', 'on'));
      const [kv] = await world.keys('flags/new-ui');
      expect(JSON.parse(String(kv?.value))).toEqual({ ...onOff, defaultVariant: 'on' });
      await putRaw(world, { 'flags/broken': '{' });
      expect(await world.until(flags.list())).toMatchObject([
        { key: 'broken', flag: undefined, problem: expect.stringContaining('JSON') },
        { key: 'new-ui', flag: { defaultVariant: 'on' }, problem: undefined },
      ]);
      expect(await world.until(flags.delete('new-ui'))).toBe(true);
      expect(await world.until(flags.delete('new-ui'))).toBe(false);
      expect(await world.until(errorOf(flags.enable('new-ui')))).toMatchObject({ code: 'NOT_FOUND' });
      await removeAll(world);
    }));

  it.each([
    ['no object', 7],
    ['a state of its own', { ...onOff, state: 'ON' }],
    ['no variants', { ...onOff, variants: {} }],
    ['variants of two types', { ...onOff, variants: { on: true, off: 'no' } }],
    ['a default that is none of them', { ...onOff, defaultVariant: 'maybe' }],
    ['a rule that is no object', { ...onOff, targeting: 'x' }],
  ])('FLAGS-2: %s is refused', (_, flag) =>
    inWorld(async (world) => {
      const { flags } = world.client().conclave;
      expect(await world.until(errorOf(flags.set('x', flag as typeof onOff)))).toMatchObject({ code: 'INVALID_VALUE' });
      expect(await world.keys('flags/')).toEqual([]);
    }),
  );

  it('FLAGS-2: keys that would be something else are refused', () =>
    inWorld(async (world) => {
      const { flags } = world.client().conclave;
      for (const key of ['', 'a/b', '$evaluators', '__proto__', 'constructor']) {
        expect(await errorOf(flags.set(key, onOff))).toMatchObject({ code: 'INVALID_NAME' });
      }
    }));

  it('FLAGS-3: all who watch share one range and one watch; a change names the flags that it changes', () =>
    inWorld(async (world) => {
      const file = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, onOff]));
      const { conclave, store } = world.client();
      await world.until(world.client().conclave.flags.import({ flags: file }));
      const sets = Array.from({ length: 20 }, () => conclave.flags.watch());
      await world.until(Promise.all(sets.map((each) => each.ready())));
      expect(store.counts).toMatchObject({ range: 1, watch: 1 });
      const [set] = sets as [(typeof sets)[0]];
      const before = set.flags.get('f1');
      const told: FlagsChange[] = [];
      set.events.on('change', (change) => told.push(change));
      await putRaw(world, { 'flags/f7': JSON.stringify({ ...onOff, defaultVariant: 'on' }) });
      await putRaw(world, { 'flags/f8': JSON.stringify(onOff) });
      await world.settle();
      expect(told.map(({ flagsChanged }) => flagsChanged)).toEqual([['f7'], []]);
      // The others are the very same objects.
      expect(set.flags.get('f1')).toBe(before);
      expect(sets.every(({ flags }) => flags.get('f7')?.defaultVariant === 'on')).toBe(true);
      for (const each of sets) each.close();
      expect(store.openWatches).toBe(0);
      await removeAll(world);
    }));

  it('FLAGS-3: what a listener throws disturbs no other', () =>
    inWorld(async (world) => {
      const { conclave } = world.client();
      const [first, second] = [conclave.flags.watch(), conclave.flags.watch()];
      await world.until(Promise.all([first.ready(), second.ready()]));
      first.events.on('change', () => {
        throw new Error('mine');
      });
      const uncaught = nextUncaught();
      await world.until(conclave.flags.set('new-ui', onOff));
      await world.settle();
      expect(await uncaught).toMatchObject({ message: 'mine' });
      expect([first, second].map((set) => set.flags.has('new-ui'))).toEqual([true, true]);
      first.close();
      second.close();
      await removeAll(world);
    }));

  it('FLAGS-4: one that cannot be used stays as it was, and touches no other', () =>
    inWorld(async (world) => {
      const { flags } = world.client().conclave;
      await world.until(flags.import({ flags: { a: onOff, b: onOff } }));
      const set = flags.watch();
      await world.until(set.ready());
      const told: string[] = [];
      set.events.on('invalid', (key) => told.push(key));
      await putRaw(world, {
        'flags/a': '{"state":"ENABLED"',
        'flags/b': JSON.stringify({ ...onOff, defaultVariant: 'on' }),
      });
      await world.settle();
      expect([set.flags.get('a')?.defaultVariant, set.flags.get('b')?.defaultVariant]).toEqual(['off', 'on']);
      expect([...set.problems.keys()]).toEqual(['a']);
      await putRaw(world, { 'flags/a': '{"__proto__":{"x":1}}' });
      await putRaw(world, { 'flags/a': JSON.stringify({ ...onOff, defaultVariant: 'on' }) });
      await world.settle();
      expect(set.flags.get('a')?.defaultVariant).toBe('on');
      expect(set.problems.size).toBe(0);
      expect(told).toEqual(['a', 'a']);
      set.close();
      await removeAll(world);
    }));

  it('FLAGS-4: whoever listens and throws disturbs neither the flags nor others who watch them', () =>
    inWorld(async (world) => {
      const { flags } = world.client().conclave;
      await world.until(flags.import({ flags: { a: onOff, b: onOff } }));
      const [mine, other] = [flags.watch(), flags.watch()];
      await world.until(Promise.all([mine.ready(), other.ready()]));
      for (const event of ['change', 'invalid', 'end'] as const) {
        mine.events.on(event, () => {
          throw new Error(event);
        });
      }
      const uncaught = await uncaughtDuring(async () => {
        await putRaw(world, { 'flags/b': 'no flag' });
        await putRaw(world, { 'flags/a': JSON.stringify({ ...onOff, defaultVariant: 'on' }) });
        await world.settle();
        mine.close();
        await world.settle();
      });
      expect(uncaught.map((error) => (error as Error).message)).toEqual(['invalid', 'change', 'change', 'end']);
      for (const each of [mine, other]) expect(each.flags.get('a')?.defaultVariant).toBe('on');
      other.close();
      await removeAll(world);
    }));

  it('FLAGS-5: shared rules reach the flags that name them; a circle or a missing one fails those alone', () =>
    inWorld(async (world) => {
      const { flags } = world.client().conclave;
      const rule = (name: string) => ({ ...onOff, targeting: { if: [{ $ref: name }, 'on', 'off'] } });
      const inner = { in: ['@x.org', { var: 'email' }] };
      const $evaluators = {
        staff: { $ref: 'mail' },
        mail: inner,
        a: { '!': [{ $ref: 'b' }] },
        b: { '!': [{ $ref: 'a' }] },
      };
      await world.until(
        flags.import({
          flags: { good: rule('staff'), circle: rule('a'), lost: rule('nobody'), plain: onOff },
          $evaluators,
        }),
      );
      const set = flags.watch();
      await world.until(set.ready());
      expect(set.flags.get('good')?.targeting).toEqual({ if: [inner, 'on', 'off'] });
      expect([...set.flags.keys()].sort()).toEqual(['good', 'plain']);
      expect(set.problems.get('circle')).toContain('a -> b -> a');
      expect(set.problems.get('lost')).toContain('nobody');
      const told: FlagsChange[] = [];
      set.events.on('change', (change) => told.push(change));
      await putRaw(world, { 'flags/$evaluators': JSON.stringify({ staff: true, a: false, nobody: 1 }) });
      await world.settle();
      expect([...(told[0]?.flagsChanged ?? [])].sort()).toEqual(['circle', 'good', 'lost']);
      expect(set.problems.size).toBe(0);
      // Rules that double with each line end in a refusal, not in a full memory.
      const bomb = Object.fromEntries(
        Array.from({ length: 40 }, (_, i) => [`r${i}`, { and: [{ $ref: `r${i + 1}` }, { $ref: `r${i + 1}` }] }]),
      );
      await putRaw(world, { 'flags/$evaluators': JSON.stringify({ ...bomb, r40: true, staff: { $ref: 'r0' } }) });
      await world.settle();
      expect(set.problems.get('good')).toContain('more than');
      expect(set.flags.get('good')?.targeting).toEqual({ if: [true, 'on', 'off'] });
      set.close();
      await removeAll(world);
    }));

  it('FLAGS-6: import checks all, writes what differs, and export gives it back', () =>
    inWorld(async (world) => {
      const { flags } = world.client().conclave;
      const many = Object.fromEntries(Array.from({ length: 250 }, (_, i) => [`f${i}`, onOff]));
      const file = { flags: many, $evaluators: { staff: true }, metadata: { flagSetId: 'shop' } };
      expect((await world.until(flags.import(JSON.stringify(file)))).written).toHaveLength(252);
      expect(await world.until(flags.export())).toEqual({ $schema: expect.any(String), ...file });
      expect(await world.until(flags.import(file))).toEqual({ written: [], removed: [] });
      const less = { flags: { f1: { ...onOff, state: 'DISABLED' } } } as const;
      const dry = await world.until(flags.import(less, { replace: true, dryRun: true }));
      expect([dry.written, dry.removed.length]).toEqual([['f1'], 251]);
      await world.until(flags.import(less, { replace: true }));
      expect(await world.until(flags.export())).toMatchObject(less);
      for (const bad of ['{', '[]', '{"flags":[]}', '{"flags":{"a/b":{}}}', '{"flags":{"a":{"state":"X"}}}']) {
        expect(codeOf(await world.until(errorOf(flags.import(bad))))).toMatch(/^INVALID_(VALUE|NAME)$/);
      }
      expect(typesOfFile(await world.until(flags.export()))).toContain('readonly "f1": boolean;');
      await removeAll(world);
    }));

  it.each(['loseRequest', 'loseReply'] as const)('FLAGS-7: %s: written once', (fault) =>
    inWorld(async (world) => {
      const client = world.client();
      client.store[fault]('txn');
      await world.until(client.conclave.flags.set('a', onOff));
      client.store[fault]('txn');
      await world.until(client.conclave.flags.import({ flags: { b: onOff } }));
      const versions = (await world.keys('flags/')).map(({ version }) => version);
      expect(versions).toEqual([1n, 1n]);
      await removeAll(world);
    }),
  );

  it('FLAGS-14: who wrote what and why is kept, and what was there is had back, also behind a compaction', () =>
    inWorld(async (world) => {
      const { flags } = world.client({ label: 'ada' }).conclave;
      const first = await world.until(flags.set('a', onOff, { reason: 'a beginning' }));
      await world.until(flags.import({ flags: { b: onOff }, $evaluators: { staff: true } }, { author: 'gitops' }));
      await world.until(flags.rollout('a', { variant: 'on', percent: 5 }, { author: 'bob' }));
      await putRaw(world, { 'flags/a': '{"state":"MAYBE"}' });
      const dry = await world.until(flags.disable('b', { dryRun: true }));
      expect((await world.until(flags.get('b')))?.state).toBe('ENABLED');
      await world.until(flags.delete('b', { reason: 'unused' }));
      const history = await world.until(flags.history());
      expect(history.map(({ key, author, reason, foreign }) => [key, author, reason, foreign])).toEqual([
        ['b', 'ada', 'unused', false],
        ['a', undefined, undefined, true],
        ['a', 'bob', undefined, false],
        ['$evaluators', 'gitops', undefined, false],
        ['b', 'gitops', undefined, false],
        ['a', 'ada', 'a beginning', false],
      ]);
      const [, broken] = history;
      await world.truth.compact({ revision: dry });
      await world.until(flags.rollback({ key: 'a', toRevision: first }));
      expect(await world.until(flags.get('a'))).toEqual(onOff);
      const nonsense = flags.rollback({ key: 'a', toRevision: broken?.revision as bigint });
      expect(await world.until(errorOf(nonsense))).toMatchObject({ code: 'INVALID_VALUE' });
      // All of them, with what they share.
      const { changes } = await world.until(flags.rollback({ toRevision: first }));
      expect(changes.map(({ key, type }) => `${type} ${key}`)).toEqual(['deleted $evaluators']);
      expect((await world.until(flags.history({ key: 'a', limit: 1 })))[0]).toMatchObject({
        author: 'ada',
        reason: `rollback to revision ${first}`,
      });
      await removeAll(world);
    }));

  it('FLAGS-8: while the store is silent the flags stay, and are stale', () =>
    inWorld(async (world) => {
      const client = world.client();
      await world.until(client.conclave.flags.set('a', onOff));
      const set = client.conclave.flags.watch();
      await world.until(set.ready());
      const told: boolean[] = [];
      set.events.on('stale', (stale) => told.push(stale));
      client.store.partition();
      await world.advance(20_000);
      expect([set.stale, set.flags.size]).toEqual([true, 1]);
      client.store.heal();
      await world.advance(10_000);
      expect([set.stale, told]).toEqual([false, [true, false]]);
      set.close();
      await removeAll(world);
    }));

  it('FLAGS-9: a rollout refuses to go over a rule of another kind, unknown variants, the default', () =>
    inWorld(async (world) => {
      const { flags } = world.client().conclave;
      const targeting = { if: [{ '==': [{ var: 'plan' }, 'pro'] }, 'on', 'off'] };
      await world.until(flags.set('a', { ...onOff, targeting }));
      const step = { variant: 'on', percent: 10 } as const;
      expect(await world.until(errorOf(flags.rollout('a', step)))).toMatchObject({ code: 'FAILED_PRECONDITION' });
      // An experiment that somebody has written by hand is none of ours.
      const experiment = {
        fractional: [
          ['on', 50],
          ['off', 50],
        ],
      };
      await world.until(flags.set('b', { ...onOff, targeting: experiment }));
      expect(await world.until(errorOf(flags.rollout('b', step)))).toMatchObject({ code: 'FAILED_PRECONDITION' });
      await world.until(flags.rollout('a', step, { replace: true }));
      await world.until(flags.rollout('a', { ...step, percent: 33.333 }));
      await world.until(flags.rollout('a', { ...step, percent: 20, keys: ['ada'] }));
      await world.until(flags.rollout('a', { ...step, percent: 30 }));
      for (const wrong of [
        { variant: 'x', percent: 1 },
        { variant: 'on', percent: 101 },
        { variant: 'off', percent: 10 },
      ]) {
        expect(await world.until(errorOf(flags.rollout('a', wrong)))).toMatchObject({ code: 'INVALID_ARGUMENT' });
      }
      await world.until(flags.rollout('a', { variant: 'off', percent: 100 }));
      await removeAll(world);
    }));
});

function codeOf(error: unknown): string {
  return (error as { code: string }).code;
}
