import { type AnySignal, abortable, type WaitOptions, withDeadline } from '../core/abort.js';
import { type Bytes, concatBytes, sameBytes, utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import { randomHex } from '../core/runtime.js';
import { assertWhole } from '../core/whole.js';
import { folderPrefix, type RecipeContext } from '../line/context.js';
import { below, deletionOf } from '../line/rule.js';
import type { KeyValue, RequestOp, TxnRequest } from '../store/messages.js';
import { createdAt, modifiedAt, put, rangeAt, remove } from '../store/ops.js';
import { untilAnswered, untilAnsweredOrAborted } from '../store/repeat.js';
import { encodeStanding, standingOf, waitingIn } from './meeting.js';
import { asParty, type Party, type PartyOptions, partyLost } from './party.js';
import { type Look, untilPassed } from './until-passed.js';

/** Those who meet are written in one txn: what etcd takes in one by default, 128 operations, with room for the read. */
export const partiesMax = 100;

export interface PartiesOptions {
  /** How many are to meet, from 1 to 100. All must say the same number. */
  readonly parties: number;
}

/** Where parties meet. */
export interface MeetingPlace {
  readonly context: RecipeContext;
  readonly what: string;
  readonly prefix: Bytes;
  readonly parties: number;
}

/** That all have met, as one of them has it. */
export interface Met {
  readonly party: Party;
  /** 0 for the one that came first. */
  readonly place: number;
  readonly round: string;
}

/**
 * `kind`: what it is called, in the singular; where all of it lives, below the namespace, is the plural.
 * @throws ConclaveError `INVALID_NAME`; `INVALID_ARGUMENT` unless `parties` is a whole number from 1 to 100.
 */
export function meetingPlace(
  context: RecipeContext,
  kind: string,
  name: string,
  options: PartiesOptions,
): MeetingPlace {
  const { parties } = Object(options) as PartiesOptions;
  assertWhole('parties', parties, 1);
  if (parties > partiesMax) {
    throw new ConclaveError('INVALID_ARGUMENT', `parties must be at most ${partiesMax}, got ${parties}`);
  }
  const prefix = concatBytes(folderPrefix(context, `${kind}s`, name), utf8('parties/'));
  return { context, what: `${kind.replace('-', ' ')} ${name}`, prefix, parties };
}

/** Waits until as many parties as agreed are there at one revision. However it fails, the party is gone again. */
export function meet(place: MeetingPlace, options: PartyOptions): Promise<Met> {
  return asParty(place.context, place, options, { run: (party, signal) => untilMet(place, party, signal) });
}

async function untilMet(place: MeetingPlace, party: Party, signal: AnySignal): Promise<Met> {
  const { context, prefix, parties } = place;
  const read: RequestOp = { type: 'range', request: below(prefix) };
  const asked = async (request: TxnRequest): Promise<readonly KeyValue[]> => {
    const txn = await untilAnsweredOrAborted(context.runtime, signal, () => context.store.txn(request));
    return rangeAt(txn, txn.responses.length - 1).kvs;
  };
  /** Whoever sees enough of them writes to each that they have met, all in one txn, guarded by what was seen. */
  const judged = async (seen: readonly KeyValue[]): Promise<Look<Met>> => {
    // Bounded by `signal`: each round more means that somebody has come, met or gone meanwhile.
    for (let kvs = seen; ; ) {
      const own = kvs.find(({ key }) => sameBytes(key, party.key));
      if (own === undefined) throw partyLost(party.key, 'not-applied');
      const standing = standingOf(own);
      if (standing.type === 'met') return { passed: { party, place: standing.place, round: standing.round } };
      const waiting = waitingIn(kvs);
      if (waiting !== undefined && waiting.parties !== parties) throw mismatch(place, waiting.parties);
      if (waiting?.group === undefined) return { waitFor: { key: party.key } };
      kvs = await asked(meetingTxn(waiting.group, parties, randomHex(context.runtime), read));
    }
  };
  const arrived = await asked({
    compare: [modifiedAt(party.key, party.revision)],
    success: [put(party.key, encodeStanding({ type: 'waiting', parties }), { leaseId: party.session.leaseId }), read],
    failure: [read],
  });
  return untilPassed(context, signal, await judged(arrived), async () => judged(await asked({ success: [read] })));
}

function meetingTxn(group: readonly KeyValue[], parties: number, round: string, read: RequestOp): TxnRequest {
  return {
    compare: group.map(({ key, modRevision }) => modifiedAt(key, modRevision)),
    success: [
      ...group.map(({ key }, place): RequestOp => {
        const value = utf8(encodeStanding({ type: 'met', parties, place, round }));
        return { type: 'put', request: { key, value, ignoreLease: true } };
      }),
      read,
    ],
    failure: [read],
  };
}

/**
 * Goes, and waits until all who met are gone, by themselves or with their leases.
 * @throws ConclaveError `SESSION_LOST` when the party's session was over before.
 */
export function part({ context, what, prefix }: MeetingPlace, met: Met, options: WaitOptions): Promise<void> {
  const { store, runtime } = context;
  const { key, revision, session, nonce } = met.party;
  return withDeadline(runtime, `leaving ${what}`, options, async (signal) => {
    const read: RequestOp = { type: 'range', request: below(prefix) };
    const others = (kvs: readonly KeyValue[]): Look<void> => {
      const inside = kvs.find((kv) => {
        const standing = standingOf(kv);
        return standing.type === 'met' && standing.round === met.round && !sameBytes(kv.key, key);
      });
      return inside === undefined ? { passed: undefined } : { waitFor: deletionOf(inside.key) };
    };
    const go = { compare: [createdAt(key, revision)], success: [remove(key), read], failure: [read] };
    session.assertAlive();
    // Goes on behind a caller who gives up: whoever was told to go stays in nobody's way.
    const going = untilAnswered(runtime, session.signal, () => store.txn(go));
    going.then(
      () => nonce.free(),
      () => {},
    );
    const gone = await abortable(going, signal);
    await untilPassed(context, signal, others(rangeAt(gone, gone.responses.length - 1).kvs), async () =>
      others((await store.range(below(prefix))).kvs),
    );
  });
}

function mismatch({ what, parties }: MeetingPlace, found: number): ConclaveError {
  return new ConclaveError('MISMATCH', `${what} has ${found} parties for whoever came first, not ${parties}`);
}
