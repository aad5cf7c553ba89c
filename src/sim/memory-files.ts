import type { Files } from '../core/files.js';

/** A disk that a process finds again when it starts anew. */
export class MemoryFiles implements Files {
  readonly #texts = new Map<string, string>();

  read(path: string): Promise<string | undefined> {
    return Promise.resolve(this.#texts.get(path));
  }

  replace(path: string, text: string): Promise<void> {
    this.#texts.set(path, text);
    return Promise.resolve();
  }
}
