import { Http2Error } from '../http2-error.js';
import { Code } from '../protocol.js';

/** How many bits the code of each byte has, and last that of the end mark, in base 36 (RFC 7541, appendix B). */
const codeBits = [
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca',
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds',
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn',
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq',
  'u',
].join('');

const endMark = 256;

/** What a step gives for a code that means the end mark, which no string may contain. */
const refused = -1;

/** The machine reads four bits a step; no code is shorter than five, so that a step gives at most one byte. */
const stepsPerState = 16;

/** The text, one char per byte, of the Huffman code `bytes[start, end)`. @throws Http2Error COMPRESSION_ERROR. */
export function huffmanText(bytes: Buffer, start: number, end: number): string {
  const text = Buffer.allocUnsafe(Math.floor((8 * (end - start)) / 5));
  let length = 0;
  let state = 0;
  for (let half = 2 * start; half < 2 * end; half++) {
    const byte = bytes[half >>> 1] as number;
    const step = steps[stepsPerState * state + ((half & 1) === 0 ? byte >>> 4 : byte & 15)] as number;
    if (step === refused) throw new Http2Error(Code.compression, 'the end mark within a string');
    if ((step & 0x1ff) !== 0) text[length++] = (step & 0x1ff) - 1;
    state = step >>> 9;
  }
  // What is left over must be the beginning of the end mark, and less than a byte.
  if (!endings.has(state)) throw new Http2Error(Code.compression, 'padding other than ones');
  return text.toString('latin1', 0, length);
}

/** A node of the tree of codes: where the next bit leads, a state or, below 0, the complement of a byte. */
type Node = [zero: number, one: number];

const tree: readonly Node[] = codeTree();
const endings: ReadonlySet<number> = onesPaths();
/** By state and four bits: the next state times 512, plus the byte that was completed plus one, or nothing. */
const steps: Int32Array = stepTable();

/** Codes of equal length count up with the byte, and begin where those one bit shorter have left off. */
function codeTree(): Node[] {
  const bits = [...codeBits].map((digit) => Number.parseInt(digit, 36));
  const bySize = bits.map((_, byte) => byte).sort((a, b) => (bits[a] as number) - (bits[b] as number) || a - b);
  const nodes: Node[] = [[0, 0]];
  let code = 0;
  let size = 0;
  for (const byte of bySize) {
    code <<= (bits[byte] as number) - size;
    size = bits[byte] as number;
    plant(nodes, code, size, byte);
    code += 1;
  }
  return nodes;
}

function plant(nodes: Node[], code: number, size: number, byte: number): void {
  let state = 0;
  for (let left = size - 1; left > 0; left--) {
    const bit = (code >>> left) & 1;
    const node = nodes[state] as Node;
    if (node[bit] === 0) node[bit] = nodes.push([0, 0]) - 1;
    state = node[bit] as number;
  }
  (nodes[state] as Node)[code & 1] = ~byte;
}

/** The states after up to seven ones. */
function onesPaths(): Set<number> {
  const states = new Set([0]);
  let state = 0;
  for (let ones = 0; ones < 7; ones++) {
    state = (tree[state] as Node)[1];
    states.add(state);
  }
  return states;
}

function stepTable(): Int32Array {
  const table = new Int32Array(stepsPerState * tree.length);
  for (let state = 0; state < tree.length; state++) {
    for (let half = 0; half < stepsPerState; half++) table[stepsPerState * state + half] = stepOf(state, half);
  }
  return table;
}

function stepOf(from: number, half: number): number {
  let state = from;
  let completed = 0;
  for (const shift of [3, 2, 1, 0]) {
    const next = (tree[state] as Node)[((half >>> shift) & 1) as 0 | 1];
    if (next >= 0) {
      state = next;
    } else {
      if (~next === endMark) return refused;
      completed = ~next + 1;
      state = 0;
    }
  }
  return (state << 9) | completed;
}
