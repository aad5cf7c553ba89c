import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Bytes, fromLatin1, latin1 } from '../../src/core/bytes.js';
import { GrantedRanges } from '../../src/engine/auth/granted-ranges.js';
import { KeyRights } from '../../src/engine/auth/key-rights.js';
import { rightsOf } from '../../src/engine/auth/permission.js';
import { keyRange } from '../../src/engine/key-range.js';
import { type Permission, PermissionType } from '../../src/store/auth-messages.js';

/** Few letters and short keys, so that ranges often meet, and zero bytes, which are special. */
const letters = ['\0', 'a', 'b', 'c'];
const key: fc.Arbitrary<Bytes> = fc
  .array(fc.constantFrom(...letters), { minLength: 1, maxLength: 2 })
  .map((parts) => fromLatin1(parts.join('')));
const rangeEnd: fc.Arbitrary<Bytes> = fc.oneof(fc.constant(new Uint8Array(0)), fc.constant(new Uint8Array(1)), key);
const permission: fc.Arbitrary<Permission> = fc.record({ permType: fc.nat(2), key, rangeEnd });

/**
 * Every key there is: up to two letters more than a bound of a range can have, and one that lies after all others. A
 * range that is not covered leaves out one of them.
 */
const universe = (() => {
  const keys: string[] = [];
  const grow = (text: string) => {
    if (text !== '') keys.push(text);
    if (text.length < 4) for (const letter of letters) grow(text + letter);
  };
  grow('');
  return [...keys, 'd', '\xff'].sort();
})();

function isIn(text: string, range: Pick<Permission, 'key' | 'rangeEnd'>): boolean {
  const start = latin1(range.key);
  const end = latin1(range.rangeEnd);
  if (end === '') return text === start;
  return text >= start && (end === '\0' || text < end);
}

/** One key at a time. A range without keys is nobody's. */
function naive(permissions: readonly Permission[], asked: { key: Bytes; rangeEnd: Bytes }, without: number): boolean {
  const keys = universe.filter((text) => isIn(text, asked));
  const granted = permissions.filter(({ permType }) => permType !== without);
  return keys.length > 0 && keys.every((text) => granted.some((each) => isIn(text, each)));
}

function allows(check: () => void): boolean {
  try {
    check();
    return true;
  } catch {
    return false;
  }
}

describe('permissions', () => {
  // etcd-difference: rights-empty-range
  it('cover a range exactly if they cover each of its keys', () => {
    const cases = fc.record({ permissions: fc.array(permission, { maxLength: 6 }), key, rangeEnd });
    let covered = 0;
    fc.assert(
      fc.property(cases, ({ permissions, ...asked }) => {
        const roles = permissions.map((each, i) => ({ name: `${i}`, permissions: [each] }));
        const rights = new KeyRights(rightsOf(roles), () => []);
        const mayRead = naive(permissions, asked, PermissionType.write);
        const mayWrite = naive(permissions, asked, PermissionType.read);
        if (mayRead) covered += 1;
        expect(allows(() => rights.checkRange(asked))).toBe(mayRead);
        expect(allows(() => rights.checkWatch(asked))).toBe(mayRead);
        expect(allows(() => rights.checkTxn({ compare: [asked] }))).toBe(mayRead);
        expect(allows(() => rights.checkDelete(asked))).toBe(mayWrite);
        expect(allows(() => rights.checkDelete({ ...asked, prevKv: true }))).toBe(mayRead && mayWrite);
      }),
      { numRuns: 1_500 },
    );
    expect(covered).toBeGreaterThan(50);
  });

  it.each([
    { granted: ['a b', 'b c'], asked: 'a c', covered: true },
    { granted: ['a b', 'bb c'], asked: 'a c', covered: false },
    { granted: ['a c', 'b d', 'e f'], asked: 'a d', covered: true },
    { granted: ['a c', 'b d', 'e f'], asked: 'a e', covered: false },
    { granted: ['a', 'a\0'], asked: 'a a\0\0', covered: true },
    { granted: ['a'], asked: 'a b', covered: false },
    { granted: ['b \0'], asked: 'c \0', covered: true },
    { granted: ['b \0'], asked: 'a \0', covered: false },
    { granted: ['b z'], asked: 'c \0', covered: false },
    { granted: ['\0 \0'], asked: 'anything', covered: true },
    { granted: ['a z'], asked: 'z', covered: false },
    { granted: ['a z'], asked: 'y', covered: true },
    { granted: ['a z'], asked: 'm c', covered: false },
    { granted: [], asked: 'a', covered: false },
  ])('$granted cover $asked: $covered', ({ granted, asked, covered }) => {
    const rangeOf = (text: string) => {
      const [from = '', to = ''] = text.split(' ');
      return keyRange(fromLatin1(from), fromLatin1(to));
    };
    expect(new GrantedRanges(granted.map(rangeOf)).covers(rangeOf(asked))).toBe(covered);
  });
});
