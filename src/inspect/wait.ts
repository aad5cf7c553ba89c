import { utf8Text } from '../core/bytes.js';
import { decodeHolder } from '../line/holder.js';
import type { Place } from '../line/place.js';

/** One party's place in a line. */
export interface Stand {
  /** `host#pid` of the process, where the place tells; else `lease <hex>`. */
  readonly party: string;
  readonly key: string;
  readonly fence: bigint;
  readonly label: string | undefined;
}

/** That somebody waits behind somebody who holds. */
export interface Wait {
  /** The line's name. */
  readonly line: string;
  readonly waiter: Stand;
  readonly holder: Stand;
}

export function standOf(place: Place): Stand {
  const { host, pid, label } = decodeHolder(place.value);
  const party = host === undefined || pid === undefined ? `lease ${place.lease.toString(16)}` : `${host}#${pid}`;
  return { party, key: utf8Text(place.key), fence: place.createRevision, label };
}
