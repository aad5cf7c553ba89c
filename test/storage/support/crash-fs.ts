import type { Fs, FsFile, OpenOptions } from '../../../src/storage/fs.js';

/** What a disk writes whole or not at all. */
const sectorBytes = 512;

/** Draws an integer from 0 up to, without, `below`. */
export type Draw = (below: number) => number;

/** One file, whatever its name. */
interface Inode {
  /** As a power cut at the last sync would have left it. */
  synced: Buffer;
  /** As the process sees it. */
  content: Buffer;
  /** Parts of `content` that were written since the last sync: from, to. */
  dirty: [number, number][];
  /** The same of what a sync that failed has given up: it stays in `content`, and no later sync brings it to disk. */
  lost: [number, number][];
  /** What of it lay beyond `synced`: as on ext4, reads as zeros after a power cut, though written again and synced. */
  unwritten: [number, number][];
}

/** Something done to the names of a directory. */
type NameChange = { readonly name: string; readonly inode: Inode | undefined }[];

/** Faults to plant. */
export interface CrashFsFaults {
  /** `sync` returns at once and does nothing: what is acknowledged after it is acknowledged too early. */
  readonly syncDoesNothing?: boolean;
  readonly syncDirDoesNothing?: boolean;
  /** A write that `before` makes fail says nothing of it. */
  readonly failedWritesAreSilent?: boolean;
  /**
   * Asked before each operation that changes something; an error that it throws is what the operation does, a write
   * after `written` of its bytes, if the error says so, else after half of them. `growth`: by how much the file gets
   * longer.
   */
  readonly before?: (operation: string, bytes: number, growth: number) => void;
  /** `sync` takes until this settles. */
  readonly duringSync?: () => Promise<void>;
}

/**
 * A file system in memory that knows what a power cut may leave of it. The rules are as hard as disks are: of each file
 * every unsynced sector may be old or new, its size anything between; names are as after some of the changes since the
 * directory was last synced, in their order. A sync that fails is as on Linux: what it was to write counts as written,
 * and is read until the power goes (Rebello et al., "Can Applications Recover from fsync Failures?", 2020).
 */
export class CrashFs implements Fs {
  readonly #faults: CrashFsFaults;
  readonly #names = new Map<string, Inode>();
  readonly #syncedNames: Map<string, Inode>;
  readonly #pending: NameChange[] = [];
  /** Called after each operation that changes something. */
  onOperation: () => void = () => {};

  constructor(faults: CrashFsFaults = {}, files: ReadonlyMap<string, Buffer> = new Map()) {
    this.#faults = faults;
    for (const [name, content] of files) this.#names.set(name, inodeOf(content));
    this.#syncedNames = new Map(this.#names);
  }

  /** Everything as it is now, by name. */
  files(): Map<string, Buffer> {
    return new Map([...this.#names].map(([name, { content }]) => [name, Buffer.from(content)]));
  }

  /** One of the states in which a power cut at this moment may leave it. */
  crash(draw: Draw): Map<string, Buffer> {
    const names = new Map(this.#syncedNames);
    const survived = draw(this.#pending.length + 1);
    for (const change of this.#pending.slice(0, survived)) apply(names, change);
    return new Map([...names].map(([name, inode]) => [name, crashed(inode, draw)]));
  }

  async makePrivateDir(): Promise<void> {}

  async list(): Promise<string[]> {
    return [...this.#names.keys()];
  }

  async open(path: string, options?: OpenOptions): Promise<FsFile> {
    return this.#handle(this.#inode(path), options);
  }

  async create(path: string, options?: OpenOptions): Promise<FsFile> {
    this.#before('create', 0);
    const name = nameOf(path);
    if (this.#names.has(name)) throw fault('EEXIST', `${name} exists`);
    const inode = inodeOf(Buffer.alloc(0));
    this.#change([{ name, inode }]);
    return this.#handle(inode, options);
  }

  async rename(from: string, to: string): Promise<void> {
    this.#before('rename', 0);
    const inode = this.#inode(from);
    this.#change([
      { name: nameOf(from), inode: undefined },
      { name: nameOf(to), inode },
    ]);
  }

  async remove(path: string): Promise<void> {
    this.#before('remove', 0);
    this.#inode(path);
    this.#change([{ name: nameOf(path), inode: undefined }]);
  }

  async syncDir(): Promise<void> {
    this.#before('syncDir', 0);
    if (this.#faults.syncDirDoesNothing) return;
    for (const change of this.#pending.splice(0)) apply(this.#syncedNames, change);
    this.onOperation();
  }

  #handle(inode: Inode, { synced = false }: OpenOptions = {}): FsFile {
    const file: FsFile = {
      size: async () => inode.content.length,
      read: async (position, length) => Buffer.from(inode.content.subarray(position, position + length)),
      write: async (position, bytes) => {
        // A real write returns in a later turn: others go on meanwhile.
        await Promise.resolve();
        try {
          const growth = Math.max(0, position + bytes.length - inode.content.length);
          this.#before('write', bytes.length, growth);
        } catch (error) {
          const { written = bytes.length >>> 1 } = error as { readonly written?: number };
          overwrite(inode, position, bytes.subarray(0, written));
          if (this.#faults.failedWritesAreSilent) return;
          throw error;
        }
        overwrite(inode, position, bytes);
        this.onOperation();
        if (synced) await file.sync();
      },
      truncate: async (size) => {
        this.#before('truncate', 0);
        inode.content = Buffer.from(inode.content.subarray(0, size));
        inode.unwritten = inode.unwritten.flatMap(([from, to]) => (from < size ? [[from, Math.min(to, size)]] : []));
        inode.dirty.push([size, Math.max(size, inode.synced.length)]);
        this.onOperation();
      },
      sync: async () => {
        try {
          this.#before('sync', 0);
        } catch (error) {
          for (const [from, to] of inode.dirty.splice(0)) {
            inode.lost.push([from, to]);
            if (to > inode.synced.length) inode.unwritten.push([Math.max(from, inode.synced.length), to]);
          }
          throw error;
        }
        if (this.#faults.syncDoesNothing) return;
        // Covers what was written before it began, not what comes meanwhile.
        const { content, dirty, lost, unwritten } = inode;
        inode.dirty = [];
        await this.#faults.duringSync?.();
        const isAll = inode.content === content && lost.length === 0;
        inode.synced = isAll ? content : overlaid(inode.synced, content, dirty);
        if (!isAll)
          for (const [from, to] of unwritten)
            inode.synced.fill(0, Math.min(from, content.length), Math.min(to, content.length));
        this.onOperation();
      },
      close: async () => {},
    };
    return file;
  }

  #inode(path: string): Inode {
    const inode = this.#names.get(nameOf(path));
    if (inode === undefined) throw fault('ENOENT', `no ${path}`);
    return inode;
  }

  #change(change: NameChange): void {
    apply(this.#names, change);
    this.#pending.push(change);
    this.onOperation();
  }

  #before(operation: string, bytes: number, growth = 0): void {
    this.#faults.before?.(operation, bytes, growth);
  }
}

function inodeOf(content: Buffer): Inode {
  return { synced: content, content, dirty: [], lost: [], unwritten: [] };
}

/** An error as `node:fs` has it. */
export function fault(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

function apply(names: Map<string, Inode>, change: NameChange): void {
  for (const { name, inode } of change) {
    if (inode === undefined) names.delete(name);
    else names.set(name, inode);
  }
}

function overwrite(inode: Inode, position: number, bytes: Uint8Array): void {
  const content = Buffer.alloc(Math.max(inode.content.length, position + bytes.length));
  inode.content.copy(content);
  content.set(bytes, position);
  inode.content = content;
  inode.dirty.push([position, position + bytes.length]);
}

function overlaid(synced: Buffer, content: Buffer, dirty: readonly [number, number][]): Buffer {
  const result = Buffer.alloc(content.length);
  synced.copy(result);
  for (const [from, to] of dirty) content.copy(result, from, from, Math.min(to, content.length));
  return result;
}

/** Each sector with unsynced bytes old or new, the size anything between old and new. */
function crashed({ synced, content, dirty, lost }: Inode, draw: Draw): Buffer {
  const unsynced = [...dirty, ...lost];
  if (unsynced.length === 0) return Buffer.from(synced);
  const [small, large] = [synced.length, content.length].sort((a, b) => a - b) as [number, number];
  // The ends of the interval are worth as much as all between them.
  const size = [small, large, small + draw(large - small + 1)][draw(3)] as number;
  const result = Buffer.alloc(Math.max(size, synced.length));
  synced.copy(result);
  const whole = draw(4) === 0;
  for (let at = 0; at < content.length; at += sectorBytes) {
    const end = Math.min(at + sectorBytes, content.length);
    const isDirty = unsynced.some(([from, to]) => from < end && to > at);
    if (isDirty && (whole || draw(2) === 0)) content.copy(result, at, at, Math.min(end, result.length));
  }
  return result.subarray(0, size);
}
