import { latin1, utf8 } from '../../../src/core/bytes.js';
import type { KvAnswer, KvCompare, KvItem, KvOp, KvTxn } from '../../../src/sim/vocabulary.js';
import {
  type Compare,
  CompareResult,
  CompareTarget,
  type KeyValue,
  type RequestOp,
  type ResponseOp,
} from '../../../src/store/messages.js';
import { sleep } from '../clock.js';
import { type Client, expectError, type Work } from './work.js';

/** Reads and writes a few keys with plain operations, whole requests recorded: for the linearizability checker. */
export const kvWork: Work = {
  run: async (client) => {
    let turn = 0;
    // Bounded by the suite, which tells when to finish.
    while (!client.finishing.aborted) {
      turn += 1;
      const done = await oneRequest(client, `${client.name}.${turn}`);
      if (done) client.tell({ type: 'progress' });
      await sleep(done ? client.random.between(0, 8) : client.random.between(20, 100));
    }
  },
};

async function oneRequest(client: Client, value: string): Promise<boolean> {
  const { random, recorder, name } = client;
  if (random.chance(0.35)) return read(client);
  const txn = random.chance(0.5) ? blindWrite(client, value) : conditional(client, value);
  const pending = recorder.invoke(name, 'kv', 'kv.txn', txn);
  try {
    const { compare, success, failure } = txn;
    const answer = await client.store.txn({
      compare: compare.map(compareOf),
      success: success.map(requestOf),
      failure: failure.map(requestOf),
    });
    const responses = answer.responses.map(answerOf);
    pending.ok({ revision: answer.header.revision, succeeded: answer.succeeded, responses });
    return true;
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
    return false;
  }
}

async function read(client: Client): Promise<boolean> {
  const key = keyOf(client);
  const ranged = client.random.chance(0.3);
  const input = ranged ? { key: 'kv/', rangeEnd: 'kv0' } : { key };
  const pending = client.recorder.invoke(client.name, 'kv', 'kv.range', input);
  try {
    const rangeEnd = input.rangeEnd === undefined ? undefined : utf8(input.rangeEnd);
    const answer = await client.store.range({ key: utf8(input.key), rangeEnd });
    pending.ok({ revision: answer.header.revision, kvs: answer.kvs.map(itemOf), count: answer.count });
    return true;
  } catch (error) {
    pending.threw(error);
    expectError(client, error);
    return false;
  }
}

function blindWrite(client: Client, value: string): KvTxn {
  const key = keyOf(client);
  const op: KvOp = client.random.chance(0.2) ? { op: 'delete', input: { key } } : { op: 'put', input: { key, value } };
  return { compare: [], success: [op], failure: [] };
}

/** Takes a key that is free, and else reads it; a second key is read with it, so that two must agree. */
function conditional(client: Client, value: string): KvTxn {
  const [key, other] = [keyOf(client), keyOf(client)];
  const compare: KvCompare = { key, target: 'version', result: client.random.chance(0.5) ? '=' : '>', operand: 0n };
  return {
    compare: [compare],
    success: [
      { op: 'put', input: { key, value } },
      { op: 'range', input: { key: other } },
    ],
    failure: [{ op: 'range', input: { key } }],
  };
}

function keyOf({ config, random }: Client): string {
  return `kv/${random.pick(config.names)}`;
}

function compareOf({ key, result, operand }: KvCompare): Compare {
  return {
    key: utf8(key),
    target: CompareTarget.version,
    result: result === '=' ? CompareResult.equal : CompareResult.greater,
    version: operand as bigint,
  };
}

function requestOf(op: KvOp): RequestOp {
  switch (op.op) {
    case 'put':
      return { type: 'put', request: { key: utf8(op.input.key), value: utf8(op.input.value) } };
    case 'delete':
      return { type: 'deleteRange', request: { key: utf8(op.input.key) } };
    case 'range':
      return { type: 'range', request: { key: utf8(op.input.key) } };
    case 'txn':
      throw new Error('this work nests no txns');
  }
}

function answerOf(op: ResponseOp): KvAnswer {
  switch (op.type) {
    case 'put':
      return { op: 'put' };
    case 'deleteRange':
      return { op: 'delete', deleted: op.response.deleted };
    case 'range':
      return { op: 'range', kvs: op.response.kvs.map(itemOf), count: op.response.count };
    default:
      throw new Error('this work nests no txns');
  }
}

function itemOf(kv: KeyValue): KvItem {
  return {
    key: latin1(kv.key),
    value: latin1(kv.value),
    create: kv.createRevision,
    mod: kv.modRevision,
    version: kv.version,
    lease: kv.lease,
  };
}
