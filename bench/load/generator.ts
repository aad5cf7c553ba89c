import { fileURLToPath } from 'node:url';
import { WorkerProcess } from '../worker-process.js';
import type { Job, JobResult } from './job.js';

/** The process that makes load, one job at a time. */
export class Generator {
  readonly #worker = new WorkerProcess<Job>(fileURLToPath(new URL('worker.js', import.meta.url)));

  run(job: Job): Promise<JobResult> {
    return this.#worker.run(job);
  }

  close(): void {
    this.#worker.close();
  }
}
