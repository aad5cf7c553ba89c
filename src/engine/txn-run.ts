import type { RequestOp, ResponseHeader, ResponseOp, TxnResponse } from '../store/messages.js';
import { type WriteTarget, writeDeleteRange, writePut } from './kv-write.js';
import { runRange } from './range-query.js';
import type { TxnPlan } from './txn-plan.js';

/** A nested txn's header says nothing at all (protocol.md section 0). */
const emptyHeader: ResponseHeader = { clusterId: 0n, memberId: 0n, revision: 0n, raftTerm: 0n };

/** Carries out a checked plan, operation by operation; each sees what those before it wrote. */
export function runPlan(target: WriteTarget, plan: TxnPlan): Omit<TxnResponse, 'header'> {
  const responses: ResponseOp[] = [];
  let next = 0;
  for (const op of plan.ops) {
    if (op.type === 'txn') {
      const response = runPlan(target, plan.nested[next++] as TxnPlan);
      responses.push({ type: 'txn', response: { header: emptyHeader, ...response } });
    } else {
      responses.push(runOp(target, op));
    }
  }
  return { succeeded: plan.succeeded, responses };
}

function runOp(target: WriteTarget, op: Exclude<RequestOp, { type: 'txn' }>): ResponseOp {
  switch (op.type) {
    case 'range': {
      const found = runRange(target.space, op.request);
      return { type: 'range', response: { header: innerHeader(target), ...found } };
    }
    case 'put': {
      const previous = writePut(target, op.request);
      const prevKv = op.request.prevKv ? previous : undefined;
      return { type: 'put', response: { header: innerHeader(target), prevKv } };
    }
    case 'deleteRange': {
      const gone = writeDeleteRange(target, op.request);
      const prevKvs = op.request.prevKv ? gone : [];
      const response = { header: innerHeader(target), deleted: BigInt(gone.length), prevKvs };
      return { type: 'deleteRange', response };
    }
    case 'none':
      return op;
  }
}

/** Only a revision: the txn's own once something has changed, else the one before. */
function innerHeader({ space }: WriteTarget): ResponseHeader {
  return { ...emptyHeader, revision: space.newestRevision };
}
