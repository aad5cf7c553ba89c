import { hash32, rendezvousScore } from '../core/hash.js';

/** Who is there, what there is, and who has what. */
export interface Ownership {
  readonly items: readonly string[];
  readonly members: readonly string[];
  /** By item; nobody's and those of whoever is no member are free. */
  readonly owners: ReadonlyMap<string, string>;
}

/**
 * Who should have what: as even as can be, with as few moves as that takes. Whoever has more than its share gives away
 * what it wants least, and what is free goes to those who have too little and want it most (rendezvous hashing). A
 * state in which everybody has what it should stays as it is, so that members who look at it at different moments come
 * to rest. Pure: the same everywhere.
 */
export function assign({ items, members, owners }: Ownership): ReadonlyMap<string, string> {
  const wanted = new Map<string, string>();
  if (members.length === 0) return wanted;
  const had = new Map<string, string[]>(members.map((id) => [id, []]));
  const free: string[] = [];
  for (const item of items) (had.get(owners.get(item) ?? '') ?? free).push(item);
  const room = new Map<string, number>();
  for (const [id, quota] of quotas(items.length, had)) {
    const mine = [...(had.get(id) ?? [])].sort((a, b) => rendezvousScore(b, id) - rendezvousScore(a, id));
    for (const item of mine.slice(0, quota)) wanted.set(item, id);
    free.push(...mine.slice(quota));
    if (mine.length < quota) room.set(id, quota - mine.length);
  }
  for (const item of free.sort()) {
    const id = wantsMost(item, room.keys());
    wanted.set(item, id);
    const left = (room.get(id) as number) - 1;
    if (left > 0) room.set(id, left);
    else room.delete(id);
  }
  return wanted;
}

/** How many each may have: those who have most keep the odd ones. */
function quotas(items: number, had: ReadonlyMap<string, readonly string[]>): [id: string, quota: number][] {
  const least = Math.floor(items / had.size);
  const odd = items % had.size;
  const order = [...had].sort(([a, as], [b, bs]) => bs.length - as.length || hash32(a) - hash32(b) || (a < b ? -1 : 1));
  return order.map(([id], i) => [id, least + (i < odd ? 1 : 0)]);
}

function wantsMost(item: string, members: Iterable<string>): string {
  let best = '';
  let highest = Number.NEGATIVE_INFINITY;
  for (const id of members) {
    const score = rendezvousScore(item, id);
    if (score <= highest) continue;
    best = id;
    highest = score;
  }
  return best;
}
