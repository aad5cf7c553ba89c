import { latin1 } from '../core/bytes.js';
import type { Session, SessionContext } from '../lease/session.js';
import { Crowd, type CrowdLimits } from './crowd.js';
import type { Rule } from './rule.js';

/** So many callers of a session stand in a line themselves, and keep the order of all processes. */
const ownPlacesMax = 8;

/**
 * A line with as many keys is long: etcd needs about as long to read it as for a round trip (measured: hand-overs took
 * 2.4, 3.7 and 12.4 of them in lines of 100, 1,000 and 10,000).
 */
const longLineFrom = 256;

/** The crowds of a connection: one for each session and line in which callers of it stand. */
export class Crowds {
  readonly #limits: CrowdLimits;

  constructor({ ownPlaces = ownPlacesMax, longLine = longLineFrom }: Partial<CrowdLimits> = {}) {
    this.#limits = { ownPlaces, longLine };
  }

  of(context: SessionContext, session: Session, rule: Rule): Crowd {
    const line = `line ${latin1(rule.stands)}`;
    return session.companions.of(Crowd, line, (over) => new Crowd(context, session, rule, this.#limits, over));
  }
}
