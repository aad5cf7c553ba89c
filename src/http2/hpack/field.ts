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

/** The same names and values in the same order. */
export function areSameFields(some: readonly Field[], others: readonly Field[]): boolean {
  if (some.length !== others.length) return false;
  for (let i = 0; i < some.length; i++) {
    const [one, other] = [some[i] as Field, others[i] as Field];
    if (one !== other && (one.name !== other.name || one.value !== other.value)) return false;
  }
  return true;
}

const nameRule = /^:?[!#$%&'*+\-.^_`|~0-9a-z]+$/;
const valueFault = /[\0\r\n]|^[ \t]|[ \t]$/;
