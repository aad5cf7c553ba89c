import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Job, JobResult } from './job.js';

type Answer = { readonly result: JobResult } | { readonly failure: string };

/** The process that makes load, one job at a time. */
export class Generator {
  #worker: ChildProcess | undefined;

  async run(job: Job): Promise<JobResult> {
    this.#worker ??= fork(fileURLToPath(new URL('worker.js', import.meta.url)));
    const answered = once(this.#worker, 'message');
    this.#worker.send(job);
    const [answer] = (await answered) as [Answer];
    if ('failure' in answer) throw new Error(`${job.type} at port ${job.port}: ${answer.failure}`);
    return answer.result;
  }

  close(): void {
    this.#worker?.disconnect();
    this.#worker = undefined;
  }
}
