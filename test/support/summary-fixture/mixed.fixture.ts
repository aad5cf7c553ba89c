import { beforeAll, describe, expect, it } from 'vitest';
import { describeSkipped } from '../skip.js';

// Run by summary-reporter.test.ts alone: the main configuration takes `*.test.ts` only.
it('passes', () => {
  expect(1).toBe(1);
});
it('fails', () => {
  expect(1).toBe(2);
});
it('skips itself', (context) => {
  context.skip('no docker');
});
describeSkipped('over etcd', 'no etcd found: nowhere', () => {
  it('one', () => {});
  describe('nested', () => {
    it('two', () => {});
  });
});
describe('with a hook that fails', () => {
  beforeAll(() => {
    throw new Error('hook');
  });
  it('cannot run', () => {});
});
