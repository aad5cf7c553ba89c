import { kvMethods } from '../../src/wire/methods.js';
import { closedLoops, connectAll, Tally } from './calls.js';
import type { H2Client } from './h2-client.js';
import type { Job, JobResult } from './job.js';
import { fillTxn } from './requests.js';

const connections = 4;

export async function runFill(job: Extract<Job, { type: 'fill' }>): Promise<JobResult> {
  const { txns, putsPerTxn, keys = txns * putsPerTxn, callers = 256 } = job;
  const clients = await connectAll(job.port, connections);
  try {
    const tally = new Tally();
    await closedLoops(callers, (caller, n) => {
      if (n >= txns) return undefined;
      tally.count += 1;
      const client = clients[caller % connections] as H2Client;
      return client.unary(kvMethods.txn.path, fillTxn(n, putsPerTxn, keys)).then(() => {});
    });
    return tally.result();
  } finally {
    for (const client of clients) client.close();
  }
}
