import { deferred } from '../../src/core/deferred.js';
import { leaseMethods } from '../../src/wire/methods.js';
import { closedLoops, Tally } from './calls.js';
import { H2Client } from './h2-client.js';
import type { Job, JobResult } from './job.js';

/** Long enough to outlive the run. */
const ttlS = 600n;
const grantsAtOnce = 64;

export async function runKeepAlives(job: Extract<Job, { type: 'keepAlives' }>): Promise<JobResult> {
  const client = await H2Client.connect(job.port);
  try {
    const beats: Uint8Array[] = [];
    await closedLoops(grantsAtOnce, (_caller, n) => {
      return n < job.leases ? grant(client).then((id) => void beats.push(id)) : undefined;
    });
    const result = await beat(client, beats, job);
    await closedLoops(grantsAtOnce, (_caller, n) => {
      const lease = beats[n];
      return lease === undefined ? undefined : client.unary(leaseMethods.revoke.path, lease).then(() => {});
    });
    return result;
  } finally {
    client.close();
  }
}

/** The message of a new lease's heartbeat, which is that of its end as well. */
async function grant(client: H2Client): Promise<Uint8Array> {
  const answer = await client.unary(leaseMethods.grant.path, leaseMethods.grant.request.encode({ ttl: ttlS }));
  return leaseMethods.keepAlive.request.encode({ id: leaseMethods.grant.response.decode(answer).id });
}

/** Renews the leases in turn, always `window` of them under way. */
async function beat(
  client: H2Client,
  beats: readonly Uint8Array[],
  { window, durationMs }: { readonly window: number; readonly durationMs: number },
): Promise<JobResult> {
  const over = deferred();
  const tally = new Tally();
  const untilMs = performance.now() + durationMs;
  let sent = 1;
  const send = client.call(leaseMethods.keepAlive.path, beats[0] as Uint8Array, false, {
    onMessage: () => {
      tally.count += 1;
      if (performance.now() >= untilMs) over.resolve();
      else send(beats[sent++ % beats.length] as Uint8Array);
    },
    onEnd: () => over.reject(new Error('the keepalive stream ended')),
  });
  while (sent < window) send(beats[sent++ % beats.length] as Uint8Array);
  await over.promise;
  return tally.result();
}
