import { latin1 } from '../core/bytes.js';
import type { Session, SessionContext } from '../lease/session.js';
import { Crowd } from './crowd.js';
import type { Rule } from './rule.js';

/** So many callers of a session stand in a line themselves, and keep the order of all processes. */
const ownPlacesMax = 8;

/** The crowds of a connection: one for each session and line in which callers of it stand. */
export class Crowds {
  readonly #ownPlaces: number;
  readonly #bySession = new WeakMap<Session, Map<string, Crowd>>();

  /** `ownPlaces`: how many callers of one session have places of their own in a line. Default: 8. */
  constructor(ownPlaces = ownPlacesMax) {
    this.#ownPlaces = ownPlaces;
  }

  of(context: SessionContext, session: Session, rule: Rule): Crowd {
    const crowds = this.#bySession.get(session) ?? new Map<string, Crowd>();
    this.#bySession.set(session, crowds);
    const line = latin1(rule.stands);
    const known = crowds.get(line);
    if (known !== undefined) return known;
    const crowd = new Crowd(context, session, rule, this.#ownPlaces, () => crowds.delete(line));
    crowds.set(line, crowd);
    return crowd;
  }
}
