import { randomBytes } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import type { Files } from '../core/files.js';

/** The files of this machine. */
export class LocalFiles implements Files {
  async read(path: string): Promise<string | undefined> {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Written beside it, forced to the disk, then renamed: a power cut leaves the old one or the new one. */
  async replace(path: string, text: string): Promise<void> {
    const next = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      const file = await open(next, 'wx', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(next, path);
    } catch (error) {
      await rm(next, { force: true });
      throw error;
    }
  }
}
