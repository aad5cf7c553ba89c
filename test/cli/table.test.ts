import { describe, expect, it } from 'vitest';
import { duration, table } from '../../src/cli/table.js';

describe('a table', () => {
  it('has columns as wide as they must be, text left, numbers right, nothing as a dash', () => {
    const rows = [
      ['short', 5n, undefined, 'x'],
      ['a longer name', 12_345n, undefined, undefined],
      ['', undefined, undefined, ''],
    ];
    expect(table(['NAME', 'FENCE', 'NONE', 'LAST'], rows).split('\n')).toEqual([
      'NAME           FENCE  NONE  LAST',
      'short              5  -     x',
      'a longer name  12345  -     -',
      '                   -  -',
    ]);
  });

  it('shows what could move the cursor, or turn the writing around, as escapes', () => {
    const hostile = 'a\u001b[2Jb\nc\u202ed\u2028e\u0000';
    const text = table(['NAME'], [[hostile]]);
    expect(text).toBe('NAME\na\\u{1b}[2Jb\\u{a}c\\u{202e}d\\u{2028}e\\u{0}');
  });

  it('has headings alone when there are no rows', () => {
    expect(table(['NAME', 'FENCE'], [])).toBe('NAME  FENCE');
  });
});

describe('a duration', () => {
  it.each([
    [0, '0ms'],
    [999.4, '999ms'],
    [1_000, '1s'],
    [59_999, '59s'],
    [60_000, '1m00s'],
    [3_599_000, '59m59s'],
    [3_600_000, '1h00m'],
    [86_399_000, '23h59m'],
    [90_000_000, '1d01h'],
  ])('%s ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});
