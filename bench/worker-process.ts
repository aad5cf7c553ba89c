import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

type Answer<Result> = { readonly result: Result } | { readonly failure: string };

/** A process that does one job at a time; started by the first. */
export class WorkerProcess<Job> {
  readonly #file: string;
  readonly #nodeFlags: readonly string[];
  #child: ChildProcess | undefined;

  constructor(file: string, nodeFlags: readonly string[] = []) {
    this.#file = file;
    this.#nodeFlags = nodeFlags;
  }

  /** `Result` is what its script answers to such a job. */
  async run<Result>(job: Job): Promise<Result> {
    this.#child ??= fork(this.#file, { execArgv: [...this.#nodeFlags] });
    const child = this.#child;
    const over = new AbortController();
    const { signal } = over;
    const answered = once(child, 'message', { signal }) as Promise<[Answer<Result>]>;
    const ended = once(child, 'exit', { signal }).then((): never => {
      throw new Error(`${this.#file} ended in the middle of a job`);
    });
    // Whichever loses is taken back.
    for (const each of [answered, ended]) each.catch(() => {});
    child.send(job as object);
    const [answer] = await Promise.race([answered, ended]).finally(() => over.abort());
    if ('failure' in answer) throw new Error(`${JSON.stringify(job)}: ${answer.failure}`);
    return answer.result;
  }

  close(): void {
    this.#child?.disconnect();
    this.#child = undefined;
  }
}
