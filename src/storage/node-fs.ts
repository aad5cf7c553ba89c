import { constants, fdatasync, write, writeSync } from 'node:fs';
import { chmod, type FileHandle, mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import { platform } from 'node:os';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import type { Fs, FsFile, OpenOptions } from './fs.js';

export interface NodeFsOptions {
  /**
   * False: nothing is forced to disk, and a power cut may take or spoil anything; small writes are done at once, by the
   * caller's own thread. Default: true.
   */
  readonly fsync?: boolean | undefined;
}

/** The real file system. */
export class NodeFs implements Fs {
  readonly #fsync: boolean;

  constructor({ fsync = true }: NodeFsOptions = {}) {
    this.#fsync = fsync;
  }

  async makePrivateDir(dir: string): Promise<void> {
    const made = await mkdir(dir, { recursive: true, mode: 0o700 });
    await chmod(dir, 0o700);
    if (made === undefined) return;
    // Each name on the way to it that is new. Bounded by the length of the path.
    for (let each = dir; each.length >= made.length; each = dirname(each)) await this.syncDir(dirname(each));
  }

  list(dir: string): Promise<string[]> {
    return readdir(dir);
  }

  open(path: string, options?: OpenOptions): Promise<FsFile> {
    // A link could lead anywhere.
    return this.#open(path, constants.O_NOFOLLOW, options);
  }

  create(path: string, options?: OpenOptions): Promise<FsFile> {
    return this.#open(path, constants.O_CREAT | constants.O_EXCL, options);
  }

  rename(from: string, to: string): Promise<void> {
    return rename(from, to);
  }

  remove(path: string): Promise<void> {
    return unlink(path);
  }

  async syncDir(dir: string): Promise<void> {
    if (!this.#fsync) return;
    const handle = await open(dir, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #open(path: string, flags: number, { synced = false }: OpenOptions = {}): Promise<FsFile> {
    const syncs = !this.#fsync ? 'nothing' : synced ? 'writes' : 'on request';
    const inKernel = syncs === 'writes' && kernelSyncsWrites ? constants.O_DSYNC : 0;
    return new NodeFile(await open(path, constants.O_RDWR | flags | inKernel, 0o600), syncs);
  }
}

/**
 * Whether a write to a file opened with O_DSYNC returns as late as an `fdatasync` after it would: on Linux (open(2)),
 * not on macOS, where only F_FULLFSYNC asks the disk itself. One call to another thread instead of two (measured, 160
 * bytes: 158 to 232 instead of 233 to 266 µs).
 */
const kernelSyncsWrites = platform() === 'linux';

/**
 * What every durable write does. A FileHandle's own `write` and `datasync` cost more (measured: 197 instead of 182 µs,
 * 130 instead of 112 of them CPU), for being safe to close while they run, which nobody does.
 */
const writeAt = promisify(write);
const syncData = promisify(fdatasync);

/**
 * So much goes to the kernel's cache sooner than to another thread and back (measured: 5 instead of 50 µs for 160
 * bytes). Only where nothing is synced: there a write waits for no disk unless the kernel makes it. Bytes.
 */
const maxWriteHere = 64 << 10;

/** What is forced to disk, and when. */
type Syncs = 'nothing' | 'writes' | 'on request';

class NodeFile implements FsFile {
  readonly #handle: FileHandle;
  readonly #syncs: Syncs;

  constructor(handle: FileHandle, syncs: Syncs) {
    this.#handle = handle;
    this.#syncs = syncs;
  }

  async size(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(position: number, length: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(length);
    let done = 0;
    // Bounded: every turn reads something, or ends it.
    while (done < length) {
      const { bytesRead } = await this.#handle.read(buffer, done, length - done, position + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  }

  async write(position: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    // Bounded: a write that takes nothing fails.
    while (done < bytes.length) {
      const bytesWritten = await this.#writeSome(bytes, done, position + done);
      if (bytesWritten === 0) throw new Error('the file system takes no more bytes');
      done += bytesWritten;
    }
    if (this.#syncs === 'writes' && !kernelSyncsWrites) await this.sync();
  }

  truncate(size: number): Promise<void> {
    return this.#handle.truncate(size);
  }

  /** On macOS libuv asks the disk itself (F_FULLFSYNC). */
  async sync(): Promise<void> {
    if (this.#syncs !== 'nothing') await syncData(this.#handle.fd);
  }

  close(): Promise<void> {
    return this.#handle.close();
  }

  async #writeSome(bytes: Uint8Array, from: number, position: number): Promise<number> {
    const { fd } = this.#handle;
    const length = bytes.length - from;
    if (this.#syncs === 'nothing' && length <= maxWriteHere) return writeSync(fd, bytes, from, length, position);
    return (await writeAt(fd, bytes, from, length, position)).bytesWritten;
  }
}
