/**
 * The run in one number: everything that happened, with its time and order. Equal seeds must give equal hashes, on
 * every machine and every version of Node; the cheapest proof that nothing but the seed decided.
 */
export class TraceHash {
  readonly #words = new Map<string, number>();
  readonly #float = new Float64Array(1);
  readonly #halves = new Int32Array(this.#float.buffer);
  #a = 0x243f6a88;
  #b = 0x13198a2e;

  number(value: number): void {
    this.#float[0] = value;
    this.#mix(this.#halves[0] as number);
    this.#mix(this.#halves[1] as number);
  }

  /** Words repeat: each is read once. */
  word(text: string): void {
    let hash = this.#words.get(text);
    if (hash === undefined) {
      hash = hashOf(text);
      this.#words.set(text, hash);
    }
    this.#mix(hash);
  }

  /** 16 hex digits. */
  get digest(): string {
    return hex(this.#a) + hex(this.#b);
  }

  /**
   * Two lanes of murmur3's mixing steps, with the byte order of the host's typed arrays: little-endian everywhere Node
   * runs.
   */
  #mix(word: number): void {
    const spread = Math.imul(word, 0xcc9e2d51);
    this.#a = Math.imul((this.#a ^ spread) >>> 0, 0x85ebca6b) + 0xe6546b64;
    this.#a = (this.#a << 13) | (this.#a >>> 19);
    this.#b = Math.imul((this.#b ^ word) >>> 0, 0xc2b2ae35) + this.#a;
    this.#b = (this.#b << 15) | (this.#b >>> 17);
  }
}

function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash | 0;
}

function hex(half: number): string {
  return (half >>> 0).toString(16).padStart(8, '0');
}
