import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/core/bytes.js';
import { removeJob, removeTraces } from '../../src/queue/gone.js';
import { QueueKeys } from '../../src/queue/keys.js';
import { Recorder } from '../../src/sim/history.js';
import { Prng } from '../../src/sim/prng.js';
import { SimServer } from '../../src/sim/sim-server.js';
import { noteChanges, queueName } from '../../src/sim/workloads/queue-truth.js';
import { World } from '../../src/sim/world.js';
import type { RequestOp } from '../../src/store/messages.js';
import { put, remove } from '../../src/store/ops.js';

const keys = new QueueKeys(utf8(`queues/${queueName}/`));
const [claimed, ready] = [
  { seq: 1, priority: 0, kib: 1, dedupe: undefined },
  { seq: 2, priority: 0, kib: 1, dedupe: undefined },
];

/** A job in somebody's hands and one in nobody's; what is noted of purges when the store does all of `operations`. */
function purgedBy(...operations: RequestOp[]): unknown[] {
  const world = new World(1);
  const recorder = new Recorder({ nowMs: () => world.nowMs });
  const onChanged: ConstructorParameters<typeof SimServer>[3]['onChanged'] = (server, revision) =>
    noteChanges(server, revision, () => {});
  const { truth } = new SimServer(world, new Prng(1), recorder, { recordsKv: false, onChanged });
  truth.txn({
    success: [
      put(keys.job(claimed.seq), '{"payload":"claimed"}'),
      put(keys.takenOf(claimed.seq), '{}'),
      put(keys.job(ready.seq), '{"payload":"ready"}'),
      put(keys.readyOf(ready), '{}'),
    ],
  });
  truth.txn({ success: operations });
  return recorder.history.flatMap((entry) =>
    entry.type === 'note' && entry.fact === 'queue.purged' ? [entry.data] : [],
  );
}

const ack = [remove(keys.takenOf(claimed.seq)), ...removeJob(keys, claimed)];
const counted = put(`${keys.gone}purged`, '{"jobs":1,"kib":1}');
const purge = [counted, remove(keys.readyOf(ready)), ...removeTraces(keys, ready)];

describe('what the store tells of a purge', () => {
  it('is the jobs that it took, not one that was acknowledged at the same revision', () => {
    const member = (success: RequestOp[]): RequestOp => ({ type: 'txn', request: { success } });
    expect(purgedBy(...purge)).toEqual([{ item: 'ready', claimed: false }]);
    expect(purgedBy(...ack)).toEqual([]);
    expect(purgedBy(member(ack), member(purge))).toEqual([{ item: 'ready', claimed: false }]);
    expect(purgedBy(member(purge), member(ack))).toEqual([{ item: 'ready', claimed: false }]);
  });

  it('is also a job that was taken out of somebody’s hands', () => {
    expect(purgedBy(counted, ...removeTraces(keys, claimed))).toEqual([{ item: 'claimed', claimed: true }]);
  });
});
