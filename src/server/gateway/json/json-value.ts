import { ConclaveError } from '../../../core/errors.js';

/**
 * A parsed JSON value. Objects are maps, so that no name in them (`__proto__`) means anything; numbers keep their
 * text, since an int64 may not fit a double.
 */
export type JsonValue = null | boolean | string | JsonNumber | readonly JsonValue[] | JsonObject;
export type JsonObject = ReadonlyMap<string, JsonValue>;

export class JsonNumber {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Deeper than any message that the protobuf reader takes: a txn inside a txn is three levels of JSON. */
export const maxJsonDepth = 200;

/** Throws `INVALID_ARGUMENT` for anything but one JSON value (RFC 8259). Of a name given twice the last counts. */
export function parseJson(text: string): JsonValue {
  return new Parser(text).parse();
}

export function badJson(what: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', `invalid JSON: ${what}`);
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonValue {
    const value = this.#value();
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#unexpected();
    return value;
  }

  #value(): JsonValue {
    this.#skipSpace();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#nested(() => this.#object());
      case '[':
        return this.#nested(() => this.#array());
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  #nested<T>(parse: () => T): T {
    if (this.#depth >= maxJsonDepth) throw badJson(`nested more than ${maxJsonDepth} deep`);
    this.#depth += 1;
    this.#at += 1;
    const value = parse();
    this.#depth -= 1;
    return value;
  }

  #object(): JsonObject {
    const object = new Map<string, JsonValue>();
    this.#skipSpace();
    if (this.#take('}')) return object;
    // Each round reads at least a name, or throws.
    for (;;) {
      this.#skipSpace();
      const name = this.#string();
      this.#skipSpace();
      this.#expect(':');
      object.set(name, this.#value());
      this.#skipSpace();
      if (this.#take('}')) return object;
      this.#expect(',');
    }
  }

  #array(): JsonValue[] {
    const array: JsonValue[] = [];
    this.#skipSpace();
    if (this.#take(']')) return array;
    // Each round reads at least a value, or throws.
    for (;;) {
      array.push(this.#value());
      this.#skipSpace();
      if (this.#take(']')) return array;
      this.#expect(',');
    }
  }

  #string(): string {
    this.#expect('"');
    let value = '';
    // Each round reads an escape, or ends. Characters below a space must be escaped.
    for (;;) {
      value += this.#match(/[ !#-[\]-\uffff]*/y);
      if (this.#take('"')) return value;
      this.#expect('\\');
      value += this.#escape();
    }
  }

  #escape(): string {
    const letter = this.#text[this.#at] ?? '';
    if (letter === 'u') {
      this.#at += 1;
      const digits = this.#match(/[0-9a-fA-F]{4}/y);
      if (digits === '') throw this.#unexpected();
      return String.fromCharCode(Number.parseInt(digits, 16));
    }
    const escaped = escapes.get(letter);
    if (escaped === undefined) throw this.#unexpected();
    this.#at += 1;
    return escaped;
  }

  #number(): JsonNumber {
    const text = this.#match(/-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y);
    if (text === '') throw this.#unexpected();
    return new JsonNumber(text);
  }

  #word<T>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) throw this.#unexpected();
    this.#at += word.length;
    return value;
  }

  /** What `pattern` finds here, which may be nothing. */
  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }

  #skipSpace(): void {
    // Ends at the end of the text, where the code is NaN.
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at += 1;
  }

  #take(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at += 1;
    return true;
  }

  #expect(char: string): void {
    if (!this.#take(char)) throw this.#unexpected();
  }

  #unexpected(): ConclaveError {
    const found = this.#text[this.#at];
    return badJson(found === undefined ? 'it ends early' : `unexpected ${JSON.stringify(found)} at ${this.#at}`);
  }
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ['\\', '\\'],
  ['/', '/'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
]);

export function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}
