import type { Fs, FsFile, OpenOptions } from '../../../src/storage/fs.js';

const never = new Promise<never>(() => {});

/**
 * A file system as one process sees it, until that is killed: then what it has under way is still carried out, as the
 * kernel does it, and the process hears of nothing any more.
 */
export class ProcessFs implements Fs {
  readonly #fs: Fs;
  #killed = false;
  /** To plant: nothing is synced for as long as it is true. */
  syncsNothing = false;

  constructor(fs: Fs) {
    this.#fs = fs;
  }

  kill(): void {
    this.#killed = true;
  }

  makePrivateDir(dir: string): Promise<void> {
    return this.#alive(() => this.#fs.makePrivateDir(dir));
  }

  list(dir: string): Promise<string[]> {
    return this.#alive(() => this.#fs.list(dir));
  }

  open(path: string, options?: OpenOptions): Promise<FsFile> {
    return this.#alive(async () => this.#file(await this.#fs.open(path), options));
  }

  create(path: string, options?: OpenOptions): Promise<FsFile> {
    return this.#alive(async () => this.#file(await this.#fs.create(path), options));
  }

  rename(from: string, to: string): Promise<void> {
    return this.#alive(() => this.#fs.rename(from, to));
  }

  remove(path: string): Promise<void> {
    return this.#alive(() => this.#fs.remove(path));
  }

  syncDir(dir: string): Promise<void> {
    return this.#alive(async () => (this.syncsNothing ? undefined : this.#fs.syncDir(dir)));
  }

  #file(file: FsFile, { synced = false }: OpenOptions = {}): FsFile {
    const sync = () => this.#alive(async () => (this.syncsNothing ? undefined : file.sync()));
    return {
      size: () => this.#alive(() => file.size()),
      read: (position, length) => this.#alive(() => file.read(position, length)),
      // Two steps: it may be killed between them.
      write: async (position, bytes) => {
        await this.#alive(() => file.write(position, bytes));
        if (synced) await sync();
      },
      truncate: (size) => this.#alive(() => file.truncate(size)),
      sync,
      close: () => this.#alive(() => file.close()),
    };
  }

  async #alive<T>(fn: () => Promise<T>): Promise<T> {
    if (this.#killed) return never;
    const result = await fn();
    return this.#killed ? never : result;
  }
}
