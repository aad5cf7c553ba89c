/** One header as it was received. `value` has one char per byte. */
export interface Field {
  readonly name: string;
  readonly value: string;
  /**
   * Whether HTTP/2 allows name and value: lower case, no line ends (RFC 9113, 8.2.1). Looked at once per table entry.
   */
  readonly valid: boolean;
}

/** What HPACK counts for a field beside its bytes (RFC 7541, 4.1). */
export const fieldOverheadBytes = 32;

export function fieldBytes({ name, value }: { readonly name: string; readonly value: string }): number {
  return name.length + value.length + fieldOverheadBytes;
}

export function field(name: string, value: string): Field {
  return { name, value, valid: nameRule.test(name) && !valueFault.test(value) };
}

const nameRule = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const valueFault = /[\0\r\n]|^[ \t]|[ \t]$/;
