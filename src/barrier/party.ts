import type { AnySignal, WaitOptions } from '../core/abort.js';
import { type Bytes, utf8Text } from '../core/bytes.js';
import { ConclaveError, undecided } from '../core/errors.js';
import { type Nonce, usedOnce } from '../lease/nonces.js';
import { makeOwnKey } from '../lease/own-key.js';
import type { Session } from '../lease/session.js';
import { onSession } from '../line/acquire.js';
import type { RecipeContext } from '../line/context.js';
import { keepOrLeave } from '../line/keep-or-leave.js';
import { sweep, sweepLate } from '../line/leave.js';
import { newPlaceKey, type Stem } from '../line/place.js';

/**
 * One party's key, on its session's lease: it goes when the party is lost. Made empty; whatever the party does with it
 * is guarded by its revision, so that no request works twice, however late it is applied.
 */
export interface Party {
  readonly session: Session;
  readonly key: Bytes;
  /** Of the key when it was made. */
  readonly revision: bigint;
  /** To be freed when the store has said that the key is gone. */
  readonly nonce: Nonce;
}

/** What is done with a party's key, and how it is taken back. */
export interface PartyTask<T> {
  /** `signal` ends with the caller's and with the session. */
  run(party: Party, signal: AnySignal): Promise<T>;
  /**
   * For a key that stays when all went well: takes away whatever stays when it fails; `made` settles when the key is
   * there or will never be. Default: the key goes.
   */
  undo?(session: Session, stem: Stem, made: Promise<unknown>): Promise<void>;
}

export interface PartyOptions extends WaitOptions {
  /** Default: the session that the whole process shares. */
  readonly session?: Session | undefined;
}

/**
 * Makes a party's key below `prefix` and runs `task` with it; what a lost request makes after all goes again.
 * @throws whatever `task` does; once that has begun with `outcome: 'unknown'`, unless the parties do not agree.
 */
export async function asParty<T>(
  context: RecipeContext,
  { what, prefix }: { readonly what: string; readonly prefix: Bytes },
  options: PartyOptions,
  task: PartyTask<T>,
): Promise<T> {
  let begun = false;
  try {
    return await onSession(context, what, options, (session, signal, entered) => {
      const nonce = task.undo === undefined ? session.nonces.take(prefix) : usedOnce(context.runtime);
      const { key, stem } = newPlaceKey(nonce.text, prefix, session.leaseId);
      const making = make(context, session, key, nonce);
      return keepOrLeave(
        context,
        session,
        {
          attempt: making.attempt,
          proceed: (party, either) => {
            begun = true;
            entered();
            return task.run(party, either);
          },
          sweep: (made, doubtful) =>
            task.undo?.(session, stem, made) ?? sweep(context, session, { stem, nonce }, made, doubtful),
          sweepLate: () => void sweepLate(context, session, { stem, nonce }, making.kept()),
        },
        signal,
      );
    });
  } catch (error) {
    throw begun && !ConclaveError.is(error, 'MISMATCH') ? undecided(error) : error;
  }
}

function make(context: RecipeContext, session: Session, key: Bytes, nonce: Nonce) {
  let revision = 0n;
  const attempt = async (): Promise<Party> => {
    revision = await makeOwnKey(context, session, key, '');
    return { session, key, revision, nonce };
  };
  return { attempt, kept: () => revision };
}

/** The party's key was taken away: by the end of its lease, or by somebody. */
export function partyLost(key: Bytes, outcome: 'unknown' | 'not-applied'): ConclaveError {
  return new ConclaveError('LOST', `${utf8Text(key)} is gone`, { loss: 'key-deleted', outcome });
}
