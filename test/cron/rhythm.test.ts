import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lastTick, nextTick, type Rhythm, rhythmOf } from '../../src/cron/rhythm.js';

const at = (text: string) => Date.parse(text);
const berlin = (cron: string) => rhythmOf({ cron, timeZone: 'Europe/Berlin' });

describe('a rhythm', () => {
  it('ticks at whole multiples since 1970, or as its expression says, in UTC unless told otherwise', () => {
    expect(nextTick(rhythmOf({ everyMs: 60_000 }), at('2027-01-01T00:00:30Z'))).toBe(at('2027-01-01T00:01:00Z'));
    expect(nextTick(rhythmOf({ everyMs: 60_000 }), at('2027-01-01T00:01:00Z'))).toBe(at('2027-01-01T00:02:00Z'));
    const daily = rhythmOf({ cron: '0 3 * * *' });
    expect(nextTick(daily, at('2027-01-01T02:59:59.999Z'))).toBe(at('2027-01-01T03:00:00Z'));
    expect(nextTick(daily, at('2027-01-01T03:00:00Z'))).toBe(at('2027-01-02T03:00:00Z'));
    expect(nextTick(berlin('0 3 * * *'), at('2027-01-01T00:00:00Z'))).toBe(at('2027-01-01T02:00:00Z'));
    expect(nextTick(rhythmOf({ cron: '*/10 * * * * *' }), at('2027-01-01T00:00:01Z'))).toBe(at('2027-01-01T00:00:10Z'));
  });

  it('goes on when the clocks are set forward and back, and never backwards', () => {
    const nightly = berlin('30 2 * * *');
    // There is no 02:30 on this day.
    expect(nextTick(nightly, at('2027-03-27T12:00:00Z'))).toBe(at('2027-03-28T01:30:00Z'));
    expect(nextTick(nightly, at('2027-03-28T01:30:00Z'))).toBe(at('2027-03-29T00:30:00Z'));
    // There are two on this one.
    expect(nextTick(nightly, at('2027-10-30T12:00:00Z'))).toBe(at('2027-10-31T00:30:00Z'));
    expect(nextTick(nightly, at('2027-10-31T00:30:00Z'))).toBe(at('2027-11-01T01:30:00Z'));
    const often = berlin('*/30 * * * *');
    for (let ms = at('2027-10-30T22:00:00Z'); ms < at('2027-10-31T04:00:00Z'); ms += 300_000) {
      expect(nextTick(often, ms)).toBeGreaterThan(ms);
    }
  });

  it('knows the last tick, however long ago it was looked at', () => {
    const yearly = rhythmOf({ cron: '0 0 1 1 *' });
    expect(lastTick(yearly, at('2001-01-01T00:00:00Z'), at('2027-06-01T00:00:00Z'))).toBe(at('2027-01-01T00:00:00Z'));
    const minutely = rhythmOf({ cron: '* * * * *' });
    const now = at('2027-01-01T00:00:59Z');
    expect(lastTick(minutely, at('2026-01-01T00:00:00Z'), now)).toBe(at('2027-01-01T00:00:00Z'));
    expect(lastTick(rhythmOf({ everyMs: 7_000 }), 7_000, 36_000)).toBe(35_000);
    expect(
      lastTick(rhythmOf({ cron: '0 0 0 1 1 * 2027' }), at('2027-01-01T00:00:00Z'), at('2030-01-01T00:00:00Z')),
    ).toBe(at('2027-01-01T00:00:00Z'));
  });

  it('takes a clock that tells parts of a millisecond', () => {
    const minutely = rhythmOf({ cron: '* * * * *' });
    const tick = at('2027-01-01T00:00:00Z');
    expect(lastTick(minutely, tick - 60_000, tick + 0.5)).toBe(tick);
  });

  it('is the last of those that one comes to step by step', () => {
    const rhythms: Rhythm[] = [
      rhythmOf({ cron: '*/7 2-4 * * *' }),
      rhythmOf({ cron: '0 12 * * 1' }),
      berlin('15 */2 * * *'),
      rhythmOf({ everyMs: 5_000_000 }),
    ];
    const start = at('2027-10-29T00:00:00Z');
    const gapMs = fc.integer({ min: 0, max: 7 * 86_400_000 });
    fc.assert(
      fc.property(fc.constantFrom(...rhythms), gapMs, (rhythm, passedMs) => {
        const first = nextTick(rhythm, start) as number;
        const nowMs = first + passedMs;
        let last = first;
        for (let next = nextTick(rhythm, last); next !== undefined && next <= nowMs; next = nextTick(rhythm, last)) {
          last = next;
        }
        expect(lastTick(rhythm, first, nowMs)).toBe(last);
      }),
      { numRuns: 40 },
    );
  });

  it.each([
    [{}, 'either'],
    [{ cron: '* * * * *', everyMs: 1_000 }, 'either'],
    [{ everyMs: 1_000, timeZone: 'UTC' }, 'timeZone'],
    [{ everyMs: 999 }, 'everyMs'],
    [{ everyMs: 1_000.5 }, 'everyMs'],
    [{ everyMs: 1_000n as unknown as number }, 'everyMs'],
    [{ everyMs: 400_000_000_000 }, 'everyMs'],
    [{ cron: '' }, 'CronPattern'],
    [{ cron: '* * *' }, 'CronPattern'],
    [{ cron: '61 * * * *' }, 'CronPattern'],
    [{ cron: 5 as unknown as string }, 'no cron'],
    [{ cron: '2027-01-01T00:00:00' }, 'no cron'],
    [{ cron: '* * * * *', timeZone: 'Mars/Olympus' }, 'Mars'],
  ])('refuses %o', (options, why) => {
    expect(() => rhythmOf(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    expect(() => rhythmOf(options)).toThrow(why);
  });
});
