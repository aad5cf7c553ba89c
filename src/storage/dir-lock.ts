import { chmod, type FileHandle, open, readdir, unlink } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { ConclaveError } from '../core/errors.js';

/** What holds a directory for this process. */
export interface DirLock {
  release(): Promise<void>;
}

const lockName = /^lock\.(\d+)\.[0-9a-f]+$/;

/** Whether `name` in a data directory is a lock's. */
export function isLockFile(name: string): boolean {
  return lockName.test(name);
}

/** What the address of a Unix socket may take, with room to spare (Linux 107 bytes, macOS 103). */
const maxSocketPathBytes = 100;

/**
 * Holds `dir` against every other process on this machine, in other containers too, until `release` or the end of the
 * process, however that comes. (Node has no file locks, and a pid in a file says nothing across containers.)
 *
 * Each contender listens on a Unix socket of its own in the directory and then looks for others: one that answers is
 * alive, and the one that sees it gives way. Of two that come at once at least one sees the other. One that refuses
 * connections is dead, since the kernel closes what a process had open, and is cleared away; its name never comes back.
 *
 * @throws ConclaveError `FAILED_PRECONDITION` that names the process.
 */
export async function lockDir(dir: string, pid: number, nonce: string): Promise<DirLock> {
  const address = await socketAddress(dir);
  const name = `lock.${pid}.${nonce}`;
  const server = createServer((socket) => socket.destroy());
  const release = async () => {
    await closed(server);
    await address.release();
  };
  try {
    await listening(server, address.of(name));
    await chmod(join(dir, name), 0o600);
    const others = (await readdir(dir)).filter((each) => isLockFile(each) && each !== name);
    for (const other of others) {
      if (await isAlive(address.of(other))) throw inUse(dir, other);
      await unlink(join(dir, other)).catch(() => {});
    }
    return { release };
  } catch (error) {
    await release();
    throw error;
  }
}

function inUse(dir: string, name: string): ConclaveError {
  const pid = lockName.exec(name)?.[1];
  return new ConclaveError(
    'FAILED_PRECONDITION',
    `${dir} is in use by process ${pid}: one process at a time; to share it, connect to a \`conclave serve\` of it`,
    { retryable: true },
  );
}

/** Where sockets in `dir` are reached: by a short way round if the path is too long for the address of a socket. */
async function socketAddress(dir: string): Promise<{ of(name: string): string; release(): Promise<void> }> {
  if (Buffer.byteLength(join(dir, 'lock.1234567890.0123456789abcdef')) <= maxSocketPathBytes) {
    return { of: (name) => join(dir, name), release: async () => {} };
  }
  const handle: FileHandle = await open(dir, 'r');
  return { of: (name) => `/proc/self/fd/${handle.fd}/${name}`, release: () => handle.close() };
}

function listening(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new ConclaveError('UNAVAILABLE', `cannot lock the directory: ${error.message}`, { cause: error }));
    });
    server.listen(path, resolve);
    // A lock alone is no reason for a process to stay.
    server.unref();
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** Only a refusal, or no socket at all, is certain death. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'));
  });
}
