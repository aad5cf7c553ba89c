import { describe, expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { errorOfStatus, etcdError, etcdErrors, Status } from '../../src/store/etcd-errors.js';
import { unanswered, untilAnswered, untilDone } from '../../src/store/repeat.js';
import { errorOf } from '../support/sim-world.js';

const lost = new ConclaveError('UNAVAILABLE', 'lost', { outcome: 'unknown' });

describe('untilAnswered()', () => {
  it('tries again after 50, 100, 200 … 1,000 ms, until there is an answer', async () => {
    const sim = new SimRuntime();
    const triedAtMs: number[] = [];
    const answer = untilAnswered(sim, new AbortController().signal, async () => {
      triedAtMs.push(sim.nowMs);
      if (triedAtMs.length < 8) throw lost;
      return 'answer';
    });
    expect(await sim.until(answer)).toBe('answer');
    expect(triedAtMs).toEqual([0, 50, 150, 350, 750, 1_550, 2_550, 3_550]);
    expect(sim.pendingTimers).toBe(0);
  });

  it('takes a refusal for an answer', async () => {
    const sim = new SimRuntime();
    let tries = 0;
    const error = errorOf(
      untilAnswered(sim, new AbortController().signal, async () => {
        tries += 1;
        throw etcdError('permissionDenied');
      }),
    );
    expect(await error).toMatchObject({ code: 'PERMISSION_DENIED' });
    expect(tries).toBe(1);
  });

  it('asks a store once more that has no room: it may have done what it says so of', async () => {
    const sim = new SimRuntime();
    const full = errorOfStatus(Status.resourceExhausted, etcdErrors.noSpace.text);
    const answers: unknown[] = [full, lost, full];
    let doubts = 0;
    const attempt = () => Promise.reject(answers.shift());
    const error = errorOf(untilAnswered(sim, new AbortController().signal, attempt, () => (doubts += 1)));
    expect(await sim.until(error)).toBe(full);
    expect([doubts, answers.length]).toEqual([3, 0]);
  });

  it('knows nothing of a try without an answer when the connection is closed before the next', async () => {
    const sim = new SimRuntime();
    const closed = new ConclaveError('CLOSED', 'the store is closed');
    const ends = async (...answers: unknown[]) => {
      const attempt = () => Promise.reject(answers.shift());
      return sim.until(errorOf(untilAnswered(sim, new AbortController().signal, attempt)));
    };
    expect(await ends(lost, etcdError('noLeader'), closed)).toMatchObject({ code: 'CLOSED', outcome: 'unknown' });
    expect(await ends(etcdError('noLeader'), closed)).toBe(closed);
    expect(await ends(closed)).toBe(closed);
  });

  it('ends with its signal while it pauses, and sends nothing when that has aborted before', async () => {
    const sim = new SimRuntime();
    const controller = new AbortController();
    let tries = 0;
    const attempt = async () => {
      tries += 1;
      throw lost;
    };
    const error = errorOf(untilAnswered(sim, controller.signal, attempt));
    await sim.advance(60);
    controller.abort('enough');
    expect(await error).toBe('enough');
    expect(sim.pendingTimers).toBe(0);
    expect(await errorOf(untilAnswered(sim, controller.signal, attempt))).toBe('enough');
    expect(tries).toBe(2);
  });
});

describe('untilDone()', () => {
  const tries = [
    ['a refusal at once', [etcdError('permissionDenied')], 'PERMISSION_DENIED', 'not-applied'],
    ['one after a try that was not answered', [lost, etcdError('permissionDenied')], 'PERMISSION_DENIED', 'unknown'],
    ['a time that is up while it is asked', [new ConclaveError('TIMEOUT', 'late')], 'TIMEOUT', 'unknown'],
  ] as const;

  it.each(tries)('says of %s what may have been done', async (_, errors, code, outcome) => {
    const sim = new SimRuntime();
    const controller = new AbortController();
    const left: ConclaveError[] = [...errors];
    const attempt = () => {
      const error = left.shift() as ConclaveError;
      if (error.code === 'TIMEOUT') controller.abort(error);
      return Promise.reject(error);
    };
    const ended = errorOf(untilDone(sim, controller.signal, attempt));
    expect(await sim.until(ended)).toMatchObject({ code, outcome });
  });

  it('leaves an abort as it is', async () => {
    const reason = new ConclaveError('LOST', 'the lock of whoever asks');
    const ended = untilDone(new SimRuntime(), AbortSignal.abort(reason), () => Promise.reject(lost));
    expect(await errorOf(ended)).toBe(reason);
  });
});

describe('unanswered()', () => {
  it.each([
    ['a lost reply', lost, true],
    ['a timeout', new ConclaveError('TIMEOUT', 'late', { outcome: 'unknown' }), true],
    ['a store that could not be asked', etcdError('noLeader'), true],
    ['an internal error of unknown outcome', new ConclaveError('INTERNAL', 'x', { outcome: 'unknown' }), true],
    ['a refusal', etcdError('leaseNotFound'), false],
    ['an error that is none of ours', new Error('mine'), false],
    ['no error', undefined, false],
  ])('%s: %s', (_, error, expected) => {
    expect(unanswered(error)).toBe(expected);
  });
});
