import { describe, expect, it } from 'vitest';
import { ordersProgress } from '../../src/wire/orders-progress.js';

describe('servers that tell of progress only after the events', () => {
  it.each([
    ['3.4.23', false],
    ['3.4.24', false],
    ['3.4.25', true],
    ['3.5.0', false],
    ['3.5.7', false],
    ['3.5.8', true],
    ['3.5.30', true],
    ['v3.6.0-rc.1', true],
    ['4.0.0', true],
    ['3.3.27', false],
    ['2.3.8', false],
    ['', false],
    ['unknown', false],
  ])('%s: %s', (version, ordered) => {
    expect(ordersProgress(version)).toBe(ordered);
  });
});
