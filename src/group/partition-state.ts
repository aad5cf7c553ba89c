import { latin1, utf8Text } from '../core/bytes.js';
import type { KeyValue } from '../store/messages.js';
import type { KeyChange } from '../store/mirror.js';
import { type Division, itemOfKey } from './division.js';
import { decodeMember, type Member } from './member.js';
import { below, type Folder, memberIdOf } from './names.js';

/** A place in the line of an item. */
interface ItemPlace {
  readonly item: string;
  readonly member: string;
  readonly kv: KeyValue;
}

/** Who is in a partition and who has what, as the store shows it at one revision. */
export class PartitionState {
  readonly members = new Map<string, Member>();
  readonly #membersFolder: Folder;
  readonly #placesPrefix: string;
  readonly #partitionPrefix: string;
  /** By key. */
  readonly #places = new Map<string, ItemPlace>();
  /** By item: how many places its line has. */
  readonly #taken = new Map<string, number>();
  /** Keys of places of another division of the same partition. */
  readonly #foreign = new Set<string>();

  constructor(partition: Folder, division: Division) {
    this.#membersFolder = membersIn(partition);
    this.#partitionPrefix = latin1(partition.key);
    this.#placesPrefix = latin1(division.folderIn(partition).key);
  }

  /** Takes in what has changed. Returns whether a member came, or went. */
  apply(changes: readonly KeyChange[]): boolean {
    let moved = false;
    for (const { key, before, after } of changes) {
      const id = memberIdOf(this.#membersFolder, (after ?? (before as KeyValue)).key);
      if (key.startsWith(latin1(this.#membersFolder.key))) moved = this.#setMember(id, after) || moved;
      else if (key.startsWith(this.#placesPrefix)) this.#setPlace(key, after);
      else if (key.startsWith(this.#partitionPrefix)) this.#setForeign(key, after);
    }
    return moved;
  }

  /** Whether anybody stands in the line of `item`. */
  isTaken(item: string): boolean {
    return this.#taken.has(item);
  }

  /** Whether somebody who divides otherwise has anything. */
  get hasForeign(): boolean {
    return this.#foreign.size > 0;
  }

  /** The first place of each line that has one. */
  owners(): ReadonlyMap<string, ItemPlace> {
    const owners = new Map<string, ItemPlace>();
    for (const place of this.#places.values()) {
      const first = owners.get(place.item);
      if (first === undefined || place.kv.createRevision < first.kv.createRevision) owners.set(place.item, place);
    }
    return owners;
  }

  #setMember(id: string | undefined, kv: KeyValue | undefined): boolean {
    if (id === undefined) return false;
    const member = kv === undefined ? undefined : decodeMember(id, kv);
    const before = this.members.get(id);
    if (member === undefined) this.members.delete(id);
    else this.members.set(id, member);
    return before?.owner !== member?.owner;
  }

  #setPlace(key: string, kv: KeyValue | undefined): void {
    const item = itemOfKey(key.slice(this.#placesPrefix.length));
    if (item === undefined) return;
    const was = this.#places.has(key) ? 1 : 0;
    if (kv === undefined) this.#places.delete(key);
    else this.#places.set(key, { item, member: utf8Text(kv.value), kv });
    const count = (this.#taken.get(item) ?? 0) - was + (kv === undefined ? 0 : 1);
    if (count > 0) this.#taken.set(item, count);
    else this.#taken.delete(item);
  }

  #setForeign(key: string, kv: KeyValue | undefined): void {
    const [, rest] = /^(?:items|ring-\d+)\/(.*)$/s.exec(key.slice(this.#partitionPrefix.length)) ?? [];
    if (rest === undefined || itemOfKey(rest) === undefined) return;
    if (kv === undefined) this.#foreign.delete(key);
    else this.#foreign.add(key);
  }
}

/** Where the members of a partition are. */
export function membersIn(partition: Folder): Folder {
  return below(partition, 'members');
}
