import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Shell commands that say `inside`, stay until they are let go, and note both in one file: the order of its lines is
 * the order in which things happened, which no reading of several pipes can tell.
 */
export class Stays implements Disposable {
  readonly #names: string[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'conclave-cli-'));

  /** The command as words. `etcdctl lock` gives its command no stdin, so that a named pipe holds it. */
  command(name: string): string[] {
    const pipe = this.#pipe(name);
    execFileSync('mkfifo', [pipe]);
    this.#names.push(name);
    const script = `echo ${name} in >> ${this.#log}; echo inside; cat ${pipe}; echo ${name} out >> ${this.#log}`;
    return ['sh', '-c', script];
  }

  /** Lets `command(name)` end, once it has come to wait: a pipe opens for writing when there is a reader. */
  async letGo(name: string): Promise<void> {
    await writeFile(this.#pipe(name), '');
  }

  get log(): string[] {
    return readFileSync(this.#log, 'utf8').trim().split('\n');
  }

  [Symbol.dispose](): void {
    for (const name of this.#names) {
      // What a failed test left behind: both ways at once does not wait for a reader, and ends one.
      closeSync(openSync(this.#pipe(name), constants.O_RDWR | constants.O_NONBLOCK));
    }
    rmSync(this.#folder, { recursive: true });
  }

  get #log(): string {
    return join(this.#folder, 'log');
  }

  #pipe(name: string): string {
    return join(this.#folder, name);
  }
}

/** A Node program as words: `source` has run before it says `inside`; it ends when its stdin does. */
export function nodeCommand(source: string): string[] {
  return [process.execPath, '-e', `${source}; process.stdin.resume(); console.log('inside');`];
}
