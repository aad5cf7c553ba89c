import { latin1 } from '../../core/bytes.js';
import type { RequestOp, TxnRequest } from '../../store/messages.js';
import { kvMethods, leaseMethods } from '../../wire/methods.js';
import type { Message } from '../sim-link.js';

/** Reads, and what is done to a lease whose id the client drew. */
const repeatable: ReadonlySet<string> = new Set([
  kvMethods.range.path,
  leaseMethods.grant.path,
  leaseMethods.revoke.path,
  leaseMethods.timeToLive.path,
  leaseMethods.leases.path,
]);

/** Where recipes keep their keys: every txn of theirs is promised to be safe to run twice. */
const recipeRoots: readonly string[] = ['locks/', 'semaphores/', 'elections/'];

/**
 * Whether a retrying proxy could send the request again. An application's own txn is nobody's to repeat: what it means
 * to run it twice only its author knows.
 */
export function mayRunTwice({ path, body }: Message): boolean {
  if (repeatable.has(path)) return true;
  if (path !== kvMethods.txn.path) return false;
  return isRecipes(body as TxnRequest);
}

function isRecipes({ success = [], failure = [] }: TxnRequest): boolean {
  return [...success, ...failure].every(staysInRecipes);
}

function staysInRecipes(op: RequestOp): boolean {
  if (op.type === 'range') return true;
  if (op.type === 'txn') return isRecipes(op.request);
  if (op.type !== 'put' && op.type !== 'deleteRange') return false;
  const key = latin1(op.request.key);
  return recipeRoots.some((root) => key.startsWith(root));
}
