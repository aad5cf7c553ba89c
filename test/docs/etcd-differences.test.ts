import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { difference, etcdDifferences } from '../support/etcd-differences.js';

const tests = resolve(import.meta.dirname, '..');

/** What the tests say they hold: a row that they allow for, or a comment above the test that tries it. */
function heldBy(): Map<string, Set<string>> {
  const held = new Map<string, Set<string>>();
  const files = readdirSync(tests, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  for (const file of files.filter((each) => !each.startsWith('docs/'))) {
    const text = readFileSync(join(tests, file), 'utf8');
    for (const [, allowed, tried] of text.matchAll(/difference\('([a-z0-9-]+)'\)|etcd-difference: ([a-z0-9-]+)/g)) {
      const id = allowed ?? tried ?? '';
      held.set(id, (held.get(id) ?? new Set()).add(file));
    }
  }
  return held;
}

describe('docs/etcd-differences.md', () => {
  const rows = etcdDifferences();

  it('and the tests know the same differences, and where each is tried', () => {
    const page = Object.fromEntries(rows.map((row) => [row.id, [...row.heldBy].sort()]));
    const held = Object.fromEntries([...heldBy()].map(([id, files]) => [id, [...files].sort()]));
    expect(page).toEqual(held);
  });

  it('has each difference once, with what etcd does, what is done here, and why', () => {
    expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
    for (const { id, etcd, here, why, heldBy: files } of rows) {
      for (const each of [etcd, here, why, files.join()]) expect(each, id).not.toBe('');
    }
    const lines = readFileSync(resolve(tests, '../docs/etcd-differences.md'), 'utf8').split('\n');
    expect(lines.filter((line) => line.startsWith('| `')).length).toBe(rows.length);
  });

  it('is where an allowance comes from: one that is not there is none', () => {
    expect(() => difference('no-such-difference')).toThrow('is no row of docs/etcd-differences.md');
  });
});
