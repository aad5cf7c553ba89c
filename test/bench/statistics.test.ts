import { describe, expect, it } from 'vitest';
import { median, pairedRatios, quantile, spreadOf } from '../../bench/statistics.js';

describe('statistics of the bench', () => {
  it('takes the middle, and between two of them their mean', () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
    expect(() => median([])).toThrow('no values');
  });

  it('takes quantiles in proportion, without changing what it was given', () => {
    const values = [50, 10, 30, 20, 40];
    expect(quantile(values, 0)).toBe(10);
    expect(quantile(values, 0.9)).toBe(46);
    expect(spreadOf(values)).toEqual({ low: 20, middle: 30, high: 40 });
    expect(values).toEqual([50, 10, 30, 20, 40]);
  });

  it('compares round by round, so that a load on both is no difference', () => {
    // In the second round the machine was ten times slower.
    expect(pairedRatios([200, 20, 220], [100, 10, 110], 'more')).toEqual([2, 2, 2]);
    expect(pairedRatios([5, 50], [10, 100], 'less')).toEqual([2, 2]);
    expect(() => pairedRatios([1], [1, 2], 'more')).toThrow('1 values against 2');
  });
});
