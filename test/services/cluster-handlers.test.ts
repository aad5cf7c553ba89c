import { expect, it } from 'vitest';
import { ConclaveError } from '../../src/core/errors.js';
import { clusterHandlers } from '../../src/server/upstream/cluster-handlers.js';
import { SimRuntime } from '../../src/sim/sim-runtime.js';
import { Endpoints } from '../../src/wire/endpoints.js';
import { watchMethods } from '../../src/wire/methods.js';
import type { DuplexListener, RpcChannel } from '../../src/wire/rpc-channel.js';

it('a caller that does not read holds up its stream to the member, and gets the rest in order', () => {
  const { call, member, done } = openWatch();
  member.onMessage(1);
  call.onBackpressure?.(true);
  for (const message of [2, 3]) member.onMessage(message);
  expect(done).toEqual(['told 1', 'pause true']);
  call.onBackpressure?.(false);
  expect(done.splice(0)).toEqual(['told 1', 'pause true', 'told 2', 'told 3', 'pause false']);
});

it('what made it full again leaves the rest where it is, the end of the stream too', () => {
  const { call, member, done } = openWatch((message) => {
    if (message === 1 || message === 2) call.onBackpressure?.(true);
  });
  for (const message of [1, 2, 3]) member.onMessage(message);
  member.onEnd(new ConclaveError('UNAVAILABLE', 'gone'));
  call.onBackpressure?.(false);
  expect(done).toEqual(['told 1', 'pause true', 'told 2', 'pause true']);
  call.onBackpressure?.(false);
  expect(done.slice(4)).toEqual(['told 3', 'end gone', 'pause false']);
});

/** A watch through a front, whose member speaks by `member`. */
function openWatch(onTold: (message: unknown) => void = () => {}) {
  const done: string[] = [];
  let member: DuplexListener<unknown> | undefined;
  const channel: RpcChannel = {
    endpoint: 'member',
    unary: () => Promise.reject(new ConclaveError('INTERNAL', 'not asked here')),
    duplex: (_, listener) => {
      member = listener as DuplexListener<unknown>;
      return {
        send: () => {},
        halfClose: () => {},
        cancel: () => {},
        pause: (isPaused) => void done.push(`pause ${isPaused}`),
      };
    },
    close: async () => {},
  };
  const { duplex } = clusterHandlers(new SimRuntime(), new Endpoints([channel]));
  const handler = duplex.find(({ method }) => method.path === watchMethods.watch.path);
  const reply = {
    send: (message: unknown) => {
      done.push(`told ${message}`);
      onTold(message);
    },
    end: (error?: ConclaveError) => void done.push(`end ${error?.message}`),
  };
  const call = handler?.open(reply, { metadata: {}, signal: new AbortController().signal });
  if (call === undefined || member === undefined) throw new Error('no watch');
  return { call, member, done };
}
