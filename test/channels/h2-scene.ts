import { kvMethods, watchMethods } from '../../src/wire/methods.js';
import type { RpcChannel } from '../../src/wire/rpc-channel.js';
import { header } from '../support/scripted-service.js';
import { encodeFrame, Flag, FrameType, uint32 } from '../transport/frames.js';
import type { FrameServer } from './frame-server.js';

export const revision7 = kvMethods.txn.response.encode({ header: header(7n), succeeded: true, responses: [] });
export const txn = (channel: RpcChannel, signal?: AbortSignal) => {
  const call = channel.unary(kvMethods.txn, {}, { signal });
  // Some tests look at it late.
  call.catch(() => {});
  return call;
};
export const watch = (channel: RpcChannel, signal?: AbortSignal) => {
  const told: unknown[] = [];
  let onEnd: (error: Error | undefined) => void = () => {};
  const end = new Promise<Error | undefined>((resolve) => {
    onEnd = resolve;
  });
  const onMessage = (message: unknown) => void told.push(message);
  const call = channel.duplex(watchMethods.watch, { onMessage, onEnd: (error) => onEnd(error) }, { signal });
  return { call, told, end };
};

export const goAway = (last: number, code: number, text = '') =>
  encodeFrame(FrameType.goAway, Flag.none, 0, Buffer.concat([uint32(last), uint32(code), Buffer.from(text)]));

export const notApplied = { code: 'UNAVAILABLE', outcome: 'not-applied' };
export const unknown = { code: 'UNAVAILABLE', outcome: 'unknown' };

/** A channel and the server's side of its connection, with one call under way, all of it received. */
export async function underWay(server: FrameServer, channel: RpcChannel) {
  const call = txn(channel);
  const connection = await server.connection();
  await connection.request(1);
  return { call, connection };
}
