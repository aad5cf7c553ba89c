import { answerJobs } from '../answer-jobs.js';
import { runCalls } from './calls.js';
import { runFanOut } from './fan-out.js';
import { runFill } from './fill.js';
import type { Job, JobResult } from './job.js';
import { runKeepAlives } from './keep-alives.js';

// The load generator: a process of its own, so that its time is neither the server's nor the bench's.

function run(job: Job): Promise<JobResult> {
  switch (job.type) {
    case 'calls':
      return runCalls(job);
    case 'fanOut':
      return runFanOut(job);
    case 'keepAlives':
      return runKeepAlives(job);
    case 'fill':
      return runFill(job);
  }
}

answerJobs(run);
