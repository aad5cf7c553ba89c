import { lowerBound } from '../core/halving.js';

/** Most entries of a leaf, most children of an inner node. 128 was best over all operations in performance.md 3c. */
const maxFanout = 128;
/** A node with fewer is joined with a neighbour, or evened out with it. */
const minFanout = maxFanout / 4;

interface Leaf<V> {
  readonly keys: string[];
  readonly values: V[];
  next: Leaf<V> | undefined;
}

interface Inner<V> {
  /** `separators[i]` is a lower bound of `children[i + 1]` and above every key of `children[i]`. */
  readonly separators: string[];
  readonly children: Node<V>[];
  /** Entries below, so that counting a range needs no walk over it. */
  size: number;
}

type Node<V> = Leaf<V> | Inner<V>;

/** A new right-hand neighbour, and the lowest key it may hold. */
interface Split<V> {
  readonly separator: string;
  readonly right: Node<V>;
}

/** Walks a tree in key order. Any change of the tree makes it invalid. */
export interface KeyCursor<V> {
  /** Undefined: past the last entry. */
  readonly key: string | undefined;
  /** Only while `key` is defined. */
  readonly value: V;
  next(): void;
}

/** An ordered map from latin1 key strings to `V`: a B+tree with linked leaves and counted inner nodes. */
export class KeyTree<V> {
  #root: Node<V> = newLeaf([], [], undefined);

  get size(): number {
    return sizeOf(this.#root);
  }

  /** Adds or replaces. */
  set(key: string, value: V): void {
    const split = insert(this.#root, key, value);
    if (split !== undefined) this.#root = newInner([split.separator], [this.#root, split.right]);
  }

  /** Whether the key was there. */
  delete(key: string): boolean {
    if (!remove(this.#root, key)) return false;
    if (!isLeaf(this.#root) && this.#root.children.length === 1) this.#root = this.#root.children[0] as Node<V>;
    return true;
  }

  get(key: string): V | undefined {
    const leaf = leafFor(this.#root, key);
    const index = lowerBound(leaf.keys, key);
    return leaf.keys[index] === key ? leaf.values[index] : undefined;
  }

  /** A cursor at the first entry whose key is `from` or above. */
  seek(from: string): KeyCursor<V> {
    const leaf = leafFor(this.#root, from);
    return new LeafCursor(leaf, lowerBound(leaf.keys, from));
  }

  /** How many keys lie in [`start`, `end`); `end` undefined: no upper bound. */
  count(start: string, end: string | undefined): number {
    const upper = end === undefined ? this.size : rank(this.#root, end);
    return Math.max(0, upper - rank(this.#root, start));
  }
}

class LeafCursor<V> implements KeyCursor<V> {
  #leaf: Leaf<V>;
  #index: number;

  constructor(leaf: Leaf<V>, index: number) {
    this.#leaf = leaf;
    this.#index = index;
    this.#settle();
  }

  get key(): string | undefined {
    return this.#leaf.keys[this.#index];
  }

  get value(): V {
    return this.#leaf.values[this.#index] as V;
  }

  next(): void {
    this.#index++;
    this.#settle();
  }

  /** Only an empty tree has an empty leaf, so one step is enough. */
  #settle(): void {
    if (this.#index < this.#leaf.keys.length || this.#leaf.next === undefined) return;
    this.#leaf = this.#leaf.next;
    this.#index = 0;
  }
}

function newLeaf<V>(keys: string[], values: V[], next: Leaf<V> | undefined): Leaf<V> {
  return { keys, values, next };
}

function newInner<V>(separators: string[], children: Node<V>[]): Inner<V> {
  const inner = { separators, children, size: 0 };
  recount(inner);
  return inner;
}

function isLeaf<V>(node: Node<V>): node is Leaf<V> {
  return 'keys' in node;
}

function sizeOf<V>(node: Node<V>): number {
  return isLeaf(node) ? node.keys.length : node.size;
}

function widthOf<V>(node: Node<V>): number {
  return isLeaf(node) ? node.keys.length : node.children.length;
}

function recount<V>(inner: Inner<V>): void {
  inner.size = 0;
  for (const child of inner.children) inner.size += sizeOf(child);
}

/** Index of the child whose keys surround `key`. */
function childIndex<V>(inner: Inner<V>, key: string): number {
  const index = lowerBound(inner.separators, key);
  return inner.separators[index] === key ? index + 1 : index;
}

function leafFor<V>(root: Node<V>, key: string): Leaf<V> {
  let node = root;
  // Bounded by the height of the tree.
  while (!isLeaf(node)) node = node.children[childIndex(node, key)] as Node<V>;
  return node;
}

/** How many keys are below `key`. */
function rank<V>(root: Node<V>, key: string): number {
  let node = root;
  let below = 0;
  // Bounded by the height of the tree.
  while (!isLeaf(node)) {
    const index = childIndex(node, key);
    for (let i = 0; i < index; i++) below += sizeOf(node.children[i] as Node<V>);
    node = node.children[index] as Node<V>;
  }
  return below + lowerBound(node.keys, key);
}

function insert<V>(node: Node<V>, key: string, value: V): Split<V> | undefined {
  return isLeaf(node) ? insertInLeaf(node, key, value) : insertInInner(node, key, value);
}

function insertInLeaf<V>(leaf: Leaf<V>, key: string, value: V): Split<V> | undefined {
  const index = lowerBound(leaf.keys, key);
  if (leaf.keys[index] === key) {
    leaf.values[index] = value;
    return undefined;
  }
  leaf.keys.splice(index, 0, key);
  leaf.values.splice(index, 0, value);
  if (leaf.keys.length <= maxFanout) return undefined;
  // Keys that come in order fill their leaves: only the new one moves on.
  const at = index === maxFanout && leaf.next === undefined ? maxFanout : maxFanout / 2;
  const right = newLeaf(leaf.keys.splice(at), leaf.values.splice(at), leaf.next);
  leaf.next = right;
  return { separator: right.keys[0] as string, right };
}

function insertInInner<V>(inner: Inner<V>, key: string, value: V): Split<V> | undefined {
  const index = childIndex(inner, key);
  const child = inner.children[index] as Node<V>;
  const before = sizeOf(child);
  const split = insert(child, key, value);
  if (split === undefined) {
    inner.size += sizeOf(child) - before;
    return undefined;
  }
  inner.size += sizeOf(child) + sizeOf(split.right) - before;
  inner.separators.splice(index, 0, split.separator);
  inner.children.splice(index + 1, 0, split.right);
  if (inner.children.length <= maxFanout) return undefined;
  const at = inner.children.length >>> 1;
  const right = newInner(inner.separators.splice(at), inner.children.splice(at));
  const separator = inner.separators.pop() as string;
  inner.size -= right.size;
  return { separator, right };
}

function remove<V>(node: Node<V>, key: string): boolean {
  if (isLeaf(node)) {
    const index = lowerBound(node.keys, key);
    if (node.keys[index] !== key) return false;
    node.keys.splice(index, 1);
    node.values.splice(index, 1);
    return true;
  }
  const index = childIndex(node, key);
  const child = node.children[index] as Node<V>;
  if (!remove(child, key)) return false;
  node.size--;
  if (widthOf(child) < minFanout && node.children.length > 1) rebalance(node, index === 0 ? 0 : index - 1);
  return true;
}

/** Joins children `index` and `index + 1`, or evens them out where one node cannot hold both. */
function rebalance<V>(inner: Inner<V>, index: number): void {
  const left = inner.children[index] as Node<V>;
  const right = inner.children[index + 1] as Node<V>;
  const separator = inner.separators[index] as string;
  const joined = widthOf(left) + widthOf(right) <= maxFanout;
  const middle = isLeaf(left)
    ? evenLeaves(left, right as Leaf<V>, joined)
    : evenInners(left, right as Inner<V>, separator, joined);
  if (middle === undefined) {
    inner.separators.splice(index, 1);
    inner.children.splice(index + 1, 1);
  } else {
    inner.separators[index] = middle;
  }
}

/** The new separator, or undefined when `left` has taken everything. */
function evenLeaves<V>(left: Leaf<V>, right: Leaf<V>, join: boolean): string | undefined {
  left.keys.push(...right.keys);
  left.values.push(...right.values);
  if (join) {
    left.next = right.next;
    return undefined;
  }
  const half = left.keys.length >>> 1;
  right.keys.splice(0, right.keys.length, ...left.keys.splice(half));
  right.values.splice(0, right.values.length, ...left.values.splice(half));
  return right.keys[0] as string;
}

function evenInners<V>(left: Inner<V>, right: Inner<V>, separator: string, join: boolean): string | undefined {
  left.separators.push(separator, ...right.separators);
  left.children.push(...right.children);
  let middle: string | undefined;
  if (!join) {
    const half = left.children.length >>> 1;
    right.children.splice(0, right.children.length, ...left.children.splice(half));
    right.separators.splice(0, right.separators.length, ...left.separators.splice(half));
    middle = left.separators.pop() as string;
    recount(right);
  }
  recount(left);
  return middle;
}
