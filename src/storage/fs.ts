/**
 * What the store asks of a file system. The real one is `node-fs.ts`; tests have one in memory that rebuilds what a
 * power cut may leave.
 */
export interface Fs {
  /** Makes `dir` if it is missing, and shuts everybody else out of it. */
  makePrivateDir(dir: string): Promise<void>;
  /** Names, without the path, in any order. */
  list(dir: string): Promise<string[]>;
  /** An existing file, to read and write. */
  open(path: string, options?: OpenOptions): Promise<FsFile>;
  /** A new file that only its owner can read; an old one of that name is an error. */
  create(path: string, options?: OpenOptions): Promise<FsFile>;
  /** Replaces what is at `to`. */
  rename(from: string, to: string): Promise<void>;
  remove(path: string): Promise<void>;
  /** What was created, renamed and removed in `dir` before this survives a power cut after it. */
  syncDir(dir: string): Promise<void>;
}

export interface OpenOptions {
  /** Each write is on disk when it resolves, as after a `sync`. Default: false. */
  readonly synced?: boolean | undefined;
}

export interface FsFile {
  size(): Promise<number>;
  /** `length` bytes, or fewer at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  /** All of `bytes`, or an error. */
  write(position: number, bytes: Uint8Array): Promise<void>;
  truncate(size: number): Promise<void>;
  /** Content and size as written before this survive a power cut after it. */
  sync(): Promise<void>;
  close(): Promise<void>;
}
