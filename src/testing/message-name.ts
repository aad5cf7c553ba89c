import { ConclaveError } from '../core/errors.js';
import type { Message } from '../sim/sim-link.js';
import { kvMethods, leaseMethods, watchMethods } from '../wire/methods.js';

/**
 * What is sent between a client and the store. Every write is a `txn`: `put` and `delete` of a `Conclave`, entering a
 * line and leaving it. `keepAlive` (the heartbeat) and `watch` are streams.
 */
export type MessageName =
  | 'range'
  | 'txn'
  | 'compact'
  | 'leaseGrant'
  | 'leaseRevoke'
  | 'leaseTimeToLive'
  | 'leases'
  | 'keepAlive'
  | 'watch';

const paths: Readonly<Record<MessageName, string>> = {
  range: kvMethods.range.path,
  txn: kvMethods.txn.path,
  compact: kvMethods.compact.path,
  leaseGrant: leaseMethods.grant.path,
  leaseRevoke: leaseMethods.revoke.path,
  leaseTimeToLive: leaseMethods.timeToLive.path,
  leases: leaseMethods.leases.path,
  keepAlive: leaseMethods.keepAlive.path,
  watch: watchMethods.watch.path,
};

/**
 * Picks the messages of that name; without one every request that has one answer, but no heartbeat and no watch: those
 * come when they like, and would take the fault from the call that the test is about.
 * @throws ConclaveError `INVALID_ARGUMENT` for another name.
 */
export function messagesNamed(name: MessageName | undefined): (message: Message) => boolean {
  if (name === undefined) return ({ shape }) => shape === 'unary';
  if (!Object.hasOwn(paths, name)) {
    throw new ConclaveError(
      'INVALID_ARGUMENT',
      `no message is called ${name}; there are ${Object.keys(paths).join(', ')}`,
    );
  }
  // What only opens, cancels or ends a stream has no body.
  return ({ path, body, shape }) => path === paths[name] && (shape === 'unary' || body !== undefined);
}
