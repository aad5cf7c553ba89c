import { describe, expect, it } from 'vitest';
import { bounded, compare, isSlower } from '../../bench/verdict.js';

const pair = { of: 'ours', to: 'theirs' };

describe('verdicts of the bench', () => {
  it('an aim is met by the median ratio, not by the best round', () => {
    const theirs = [100, 100, 100];
    expect(compare({ ...pair, aim: 1 }, [90, 95, 300], theirs, 'more').outcome).toBe('not met');
    expect(compare({ ...pair, aim: 1 }, [90, 101, 300], theirs, 'more').outcome).toBe('met');
    expect(compare(pair, [1, 1, 1], theirs, 'more').outcome).toBe('no aim');
  });

  it('less is better where the row says so', () => {
    const faster = compare({ ...pair, aim: 3 }, [10, 11, 12], [40, 44, 48], 'less');
    expect(faster.ratio.middle).toBe(4);
    expect(faster.outcome).toBe('met');
    expect(compare({ ...pair, aim: 3 }, [40, 44, 48], [10, 11, 12], 'less').outcome).toBe('not met');
  });

  it('a bound is kept by the median', () => {
    expect(bounded({ of: 'ours', atMost: 90 }, [1, 2, 500]).outcome).toBe('met');
    expect(bounded({ of: 'ours', atMost: 90 }, [1, 200, 500]).outcome).toBe('not met');
  });

  it('a slowed build shows as slower, under noise that is larger than the difference', () => {
    const load = [1, 0.2, 0.9, 0.5, 0.3, 1, 0.7, 0.25, 0.6];
    const plain = load.map((share) => 20_000 * share);
    const slowed = load.map((share, i) => 14_000 * share * (i % 2 === 0 ? 1.05 : 0.95));
    expect(isSlower(slowed, plain, 'more')).toBe(true);
    expect(isSlower(plain, slowed, 'more')).toBe(false);
  });

  it('the same build twice does not, however the rounds scatter', () => {
    const first = [100, 180, 90, 160, 120, 150, 95, 170, 110];
    const second = [120, 150, 110, 140, 150, 110, 130, 120, 140];
    expect(isSlower(first, second, 'more')).toBe(false);
    expect(isSlower(second, first, 'more')).toBe(false);
  });

  it('rounds that disagree are no proof', () => {
    expect(isSlower([50, 50, 50, 150, 150, 50, 50, 50], Array(8).fill(100), 'more')).toBe(false);
    expect(isSlower([50, 50, 50, 150, 50, 50, 50, 50], Array(8).fill(100), 'more')).toBe(true);
  });
});
