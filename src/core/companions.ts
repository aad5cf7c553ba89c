/** What goes with one thing and is shared by all who use that: one per kind and id, made by the first who asks. */
export class Companions {
  readonly #byId = new Map<string, object>();

  /** `make` is given what it must call when it is over: who asks then gets a new one. Ids are unique across kinds. */
  of<T extends object>(kind: abstract new (...args: never[]) => T, id: string, make: (over: () => void) => T): T {
    const known = this.#byId.get(id);
    if (known instanceof kind) return known;
    const made: T = make(() => {
      if (this.#byId.get(id) === made) this.#byId.delete(id);
    });
    this.#byId.set(id, made);
    return made;
  }
}
