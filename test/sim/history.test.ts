import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { allOperations } from '../../src/sim/checkers/operations.js';
import {
  decodeHistory,
  type Entry,
  encodeHistory,
  type History,
  mergeHistories,
  Recorder,
} from '../../src/sim/history.js';

function recorder() {
  let nowMs = 0;
  const seen: Entry[] = [];
  return { seen, recorder: new Recorder({ nowMs: () => ++nowMs, onEntry: (entry) => seen.push(entry) }) };
}

describe('Recorder', () => {
  it('pairs a call with its end', () => {
    const { recorder: record, seen } = recorder();
    const a = record.invoke('a', 'x', 'lock.acquire', null);
    const b = record.invoke('b', 'x', 'lock.acquire', null);
    b.ok({ fence: 2n, lease: 1n });
    a.fail(new ConclaveError('TIMEOUT', 'not done'));
    expect(record.history.map(({ type, process, atMs }) => `${atMs} ${process} ${type}`)).toEqual([
      '1 a invoke',
      '2 b invoke',
      '3 b ok',
      '4 a fail',
    ]);
    expect(seen).toEqual(record.history);
    expect(
      allOperations(record.history).map(({ process, result, from, endAt }) => [process, result, from, endAt]),
    ).toEqual([
      ['a', 'fail', 0, 3],
      ['b', 'ok', 1, 2],
    ]);
  });

  it('refuses a second end', () => {
    const call = recorder().recorder.invoke('a', 'x', 'y', 1);
    call.ok(1);
    expect(() => call.fail('late')).toThrow('ended twice');
  });

  it.each([
    [new ConclaveError('COMPACTED', 'gone'), 'fail', 'COMPACTED: gone'],
    [new ConclaveError('UNAVAILABLE', 'away', { outcome: 'unknown' }), 'unknown', 'UNAVAILABLE: away'],
    [new Error('what?'), 'unknown', 'what?'],
  ])('takes %s for its outcome', (error, type, text) => {
    const { recorder: record } = recorder();
    record.invoke('a', 'x', 'y', 1).threw(error);
    expect(record.history[1]).toMatchObject({ type, error: text });
  });

  it('records a call that is run', async () => {
    const { recorder: record } = recorder();
    const failing = record.run('a', 'x', 'y', 1, () => Promise.reject(new Error('no')), String);
    await expect(failing).rejects.toThrow('no');
    await expect(
      record.run(
        'a',
        'x',
        'y',
        2,
        async () => 7n,
        (result) => result,
      ),
    ).resolves.toBe(7n);
    expect(record.history.map(({ type }) => type)).toEqual(['invoke', 'unknown', 'invoke', 'ok']);
  });
});

describe('operations', () => {
  const end: Entry = { type: 'ok', atMs: 1, process: 'a', id: 1, output: null };
  const call: Entry = { type: 'invoke', atMs: 0, process: 'a', id: 1, object: 'x', op: 'y', input: null };

  it.each<[string, History]>([
    ['an end without a call', [end]],
    ['two ends', [call, end, end]],
    ['an end by another process', [call, { ...end, process: 'b' }]],
    ['one id for two calls under way', [call, call]],
  ])('refuse %s', (_, history) => {
    expect(() => allOperations(history)).toThrow(/operation 1/);
  });
});

describe('mergeHistories', () => {
  const note = (process: string, atMs: number): Entry => ({
    type: 'note',
    process,
    atMs,
    object: 'x',
    fact: 'y',
    data: null,
  });
  const call = (process: string, atMs: number, id = 1): Entry =>
    ({ ...note(process, atMs), type: 'invoke', id, op: 'y', input: 0 }) as Entry;
  const ok = (process: string, atMs: number, id = 1): Entry => ({ type: 'ok', process, atMs, id, output: null });

  it('sorts by time', () => {
    const merged = mergeHistories([note('a', 1), note('a', 5)], [note('b', 0), note('b', 3)]);
    expect(merged.map(({ atMs }) => atMs)).toEqual([0, 1, 3, 5]);
  });

  it('takes what happened at one instant for concurrent', () => {
    const merged = mergeHistories([call('a', 0), ok('a', 5)], [call('b', 5), ok('b', 6)]);
    expect(merged.map(({ process, type }) => `${process} ${type}`)).toEqual(['a invoke', 'b invoke', 'a ok', 'b ok']);
  });

  it('keeps the order of each file', () => {
    const own = [call('a', 1), ok('a', 1), call('a', 1, 2), ok('a', 1, 2)];
    expect(mergeHistories(own, [note('b', 0)]).slice(1)).toEqual(own);
  });

  it('refuses a clock that went back', () => {
    expect(() => mergeHistories([note('a', 2), note('a', 1)])).toThrow('went back');
  });
});

describe('JSON lines', () => {
  it('bring back what was written', () => {
    const { plain } = fc.letrec((tie) => ({
      plain: fc.oneof(
        { depthSize: 'small' },
        fc.oneof(fc.bigInt(), fc.string(), fc.boolean(), fc.constant(null), fc.integer()),
        fc.stringMatching(/^~{0,3}-?[0-9]{1,3}n$/),
        fc.array(tie('plain')),
        fc.dictionary(
          fc.string().filter((name) => name !== '__proto__'),
          tie('plain'),
          { noNullPrototype: true },
        ),
      ),
    }));
    fc.assert(
      fc.property(fc.array(plain), (values) => {
        const history = values.map(
          (data, atMs) => ({ type: 'note', atMs, process: 'a', object: '5n', fact: 'y', data }) as Entry,
        );
        expect(decodeHistory(encodeHistory(history))).toEqual(history);
      }),
      { numRuns: 500 },
    );
  });

  it('leave out a last line that was torn', () => {
    const text = encodeHistory([{ type: 'ok', atMs: 1, process: 'a', id: 1, output: 2n }]);
    expect(decodeHistory(text + text.slice(0, 10))).toHaveLength(1);
    expect(decodeHistory(text.slice(0, -1))).toEqual([]);
  });

  it('refuse a line that is damaged in the middle', () => {
    expect(() => decodeHistory('{"type":\n{}\n')).toThrow('line 1');
  });

  it('refuse a number that JSON lacks', () => {
    expect(() => encodeHistory([{ type: 'ok', atMs: 1, process: 'a', id: 1, output: Number.NaN }])).toThrow('NaN');
  });
});
