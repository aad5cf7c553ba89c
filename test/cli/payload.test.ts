import { expect, it } from 'vitest';
import { payloadOf } from '../../src/cli/payload.js';

it('takes JSON, or text, and keeps every digit', () => {
  for (const [text, payload] of [
    ['{"id":"9007199254740993"}', { id: '9007199254740993' }],
    ['id 9007199254740993', 'id 9007199254740993'],
    ['"a \\" 9007199254740993"', 'a " 9007199254740993'],
    ['9007199254740992', 2 ** 53],
    ['[1e300,-0.1,9007199254740993.5]', [1e300, -0.1, 2 ** 53 + 2]],
  ] as const) {
    expect(payloadOf(text)).toEqual(payload);
  }
  for (const text of ['9007199254740993', '{"a":[-9223372036854775807]}', '["x", 18446744073709551615]']) {
    expect(() => payloadOf(text)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  }
});
