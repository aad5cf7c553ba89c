import { ConclaveError } from '../../core/errors.js';
import type { EngineHost } from '../../engine/engine-host.js';
import type { LeaseKeepAliveRequest, LeaseKeepAliveResponse } from '../../store/messages.js';
import { leaseMethods } from '../../wire/methods.js';
import type { DuplexHandler, UnaryHandler } from '../../wire/rpc-service.js';
import { KeptReplies } from './kept.js';
import { unaryHandler } from './unary-handler.js';

/** `etcdserverpb.Lease`, without `LeaseKeepAlive`. */
export function leaseHandlers(host: EngineHost, maxLeases: number): UnaryHandler<unknown, unknown>[] {
  return [
    unaryHandler(leaseMethods.grant, (request) => {
      if (host.stats().leases >= maxLeases) {
        throw new ConclaveError('RESOURCE_EXHAUSTED', `conclave: more than ${maxLeases} leases`);
      }
      return host.leaseGrant(request);
    }),
    unaryHandler(leaseMethods.revoke, (request) => host.leaseRevoke(request)),
    unaryHandler(leaseMethods.timeToLive, (request) => host.leaseTimeToLive(request)),
    unaryHandler(leaseMethods.leases, () => host.leaseLeases({})),
  ];
}

/** Answers each heartbeat in order; a lease that is gone answers TTL 0. The caller's half-close ends the call. */
export function keepAliveHandler(host: EngineHost): DuplexHandler<LeaseKeepAliveRequest, LeaseKeepAliveResponse> {
  return {
    method: leaseMethods.keepAlive,
    open: (reply) => {
      const replies = new KeptReplies(host, reply);
      return {
        onMessage: (request) => replies.send(host.leaseKeepAlive(request)),
        onHalfClose: () => replies.end(),
        onCancel: () => replies.cancel(),
      };
    },
  };
}
