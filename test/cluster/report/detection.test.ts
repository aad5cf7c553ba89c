import { describe, expect, it } from 'vitest';
import { type History, Recorder } from '../../../src/sim/history.js';
import type { Witnessed } from '../witness.js';
import { detections } from './detection.js';

const key = 'locks/a/7.1';
const hold = { fence: 2n, lease: 7n };

/** A hold from 0 ms on; `after` tells the rest. */
function held(after: (recorder: Recorder, at: (ms: number) => void) => void): History {
  let nowMs = 0;
  const recorder = new Recorder({ nowMs: () => nowMs });
  recorder.invoke('c1', 'lock/a', 'lock.acquire', null).ok({ ...hold, key });
  after(recorder, (ms) => {
    nowMs = ms;
  });
  return recorder.history;
}

function goneAt(atMs: number): Witnessed {
  const zeros = { create: 0n, version: 0n, lease: 0n };
  return { atMs, deleted: true, key, value: '', mod: 9n, leaseBefore: 7n, ...zeros };
}

describe('how late a loss is known', () => {
  it('is counted from the moment at which the key was gone, to the first word of the holder', () => {
    const history = held((recorder, at) => {
      at(120);
      recorder.note('c1', 'lock/a', 'held', { ...hold, held: false, remainingMs: 0 });
      at(130);
      recorder.note('c1', 'lock/a', 'lost', { ...hold, reason: 'its key was deleted' });
    });
    expect(detections(history, [goneAt(100)])).toEqual([20]);
    expect(detections(history, [goneAt(150)])).toEqual([-30]);
  });

  it('is nothing to count where the holder let go, or stood still', () => {
    const letGo = held((recorder, at) => {
      at(50);
      recorder.invoke('c1', 'lock/a', 'release', { fence: 2n }).ok(null);
      recorder.note('c1', 'lock/a', 'lost', { ...hold, reason: 'late' });
    });
    const stood = held((recorder, at) => {
      at(50);
      recorder.note('c1', 'client', 'pause', null);
      at(5000);
      recorder.note('c1', 'lock/a', 'lost', { ...hold, reason: 'deadline' });
    });
    expect(detections(letGo, [goneAt(100)])).toEqual([]);
    expect(detections(stood, [goneAt(100)])).toEqual([]);
  });
});
