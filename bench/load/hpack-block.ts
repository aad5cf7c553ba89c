/** Where HPACK's dynamic table begins, after the static one (RFC 7541, appendix A). */
const dynamicStart = 62;
const static_ = { authority: 1, methodPost: 0x83, path: 4, schemeHttp: 0x86, contentType: 31 } as const;

/**
 * Writes the header blocks of gRPC requests on one connection, as real clients do: in full at first, by reference into
 * the peer's table from then on. The table is never full: a connection calls a handful of methods.
 */
export class HpackBlocks {
  readonly #authority: string;
  /** Headers in the peer's table, in the order in which they came there. */
  readonly #table: string[] = [];
  /** Blocks that hold as long as the table stays as it is. */
  readonly #known = new Map<string, Buffer>();

  constructor(authority: string) {
    this.#authority = authority;
  }

  /** Of a request for `path`. Must be sent before the next one is asked for: it may change the peer's table. */
  block(path: string): Buffer {
    const known = this.#known.get(path);
    if (known !== undefined) return known;
    const sizeBefore = this.#table.length;
    const bytes = [
      static_.methodPost,
      static_.schemeHttp,
      ...this.#field(static_.path, ':path', path),
      ...this.#field(static_.authority, ':authority', this.#authority),
      ...this.#field(static_.contentType, 'content-type', 'application/grpc'),
      ...this.#field(0, 'te', 'trailers'),
    ];
    const block = Buffer.from(bytes);
    if (this.#table.length === sizeBefore) this.#known.set(path, block);
    else this.#known.clear();
    return block;
  }

  #field(nameIndex: number, name: string, value: string): number[] {
    const header = `${name}: ${value}`;
    const at = this.#table.indexOf(header);
    if (at >= 0) return [0x80 | (dynamicStart + this.#table.length - 1 - at)];
    this.#table.push(header);
    const literalName = nameIndex === 0 ? text(name) : [];
    return [0x40 | nameIndex, ...literalName, ...text(value)];
  }
}

/** A string without Huffman code. */
function text(value: string): number[] {
  if (value.length >= 127) throw new Error(`longer than this writer knows: ${value}`);
  return [value.length, ...Buffer.from(value, 'latin1')];
}
