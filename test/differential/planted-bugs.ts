import type { LeaseRevokeRequest, TxnResponse, WatchResponse } from '../../src/store/messages.js';
import { authAdminMethods } from '../../src/wire/admin-methods.js';
import { authMethods, kvMethods, leaseMethods, type UnaryMethod, watchMethods } from '../../src/wire/methods.js';
import type { RpcChannel } from '../../src/wire/rpc-channel.js';

/** A way to our server through which it looks wrong: the comparison must tell. */
export type Plant = (channel: RpcChannel) => RpcChannel;

export const plantedBugs: Readonly<Record<string, Plant>> = {
  'counts versions on over deletions': (channel) =>
    changed(channel, kvMethods.txn, async (ask) => {
      const answer = (await ask()) as TxnResponse;
      const responses = answer.responses.map((each) =>
        each.type === 'put' && each.response.prevKv !== undefined
          ? { ...each, response: { ...each.response, prevKv: { ...each.response.prevKv, version: 9n } } }
          : each,
      );
      return { ...answer, responses };
    }),
  'tells of a revision only its first change': (channel) => ({
    ...plain(channel),
    duplex: (method, listener, options) => {
      if (method.path !== watchMethods.watch.path) return channel.duplex(method, listener, options);
      const first = (response: WatchResponse) => {
        const events = response.events.filter(
          (each, i) => each.kv.modRevision !== response.events[i - 1]?.kv.modRevision,
        );
        return { ...response, events } as never;
      };
      const onMessage = (message: unknown) => listener.onMessage(first(message as WatchResponse));
      return channel.duplex(method, { onMessage, onEnd: (error) => listener.onEnd(error) }, options);
    },
  }),
  'forgets that a lease is over': (channel) =>
    changed(channel, leaseMethods.revoke, (_, request) =>
      channel.unary(leaseMethods.timeToLive, { id: (request as LeaseRevokeRequest).id }, {}),
    ),
  'leaves a right that was taken away': (channel) =>
    changed(channel, authAdminMethods.roleRevokePermission, (_, request, options) =>
      channel.unary(authAdminMethods.roleGet, { role: (request as { role: string }).role }, options),
    ),
  'takes every password': (channel) =>
    changed(channel, authMethods.authenticate, (_, request) =>
      channel.unary(authMethods.authenticate, { name: (request as { name: string }).name, password: 'pw' }, {}),
    ),
};

/** `channel` whose calls of one method go through `answer`. */
function changed(
  channel: RpcChannel,
  { path }: Pick<UnaryMethod<never, unknown>, 'path'>,
  answer: (ask: () => Promise<unknown>, request: unknown, options: object) => Promise<unknown>,
): RpcChannel {
  return {
    ...plain(channel),
    unary: async (method, request, options) => {
      const ask = () => channel.unary(method, request, options);
      return method.path === path ? ((await answer(ask, request, options)) as never) : ask();
    },
  };
}

function plain(channel: RpcChannel): RpcChannel {
  return {
    endpoint: channel.endpoint,
    unary: (method, request, options) => channel.unary(method, request, options),
    duplex: (method, listener, options) => channel.duplex(method, listener, options),
    close: () => channel.close(),
  };
}
