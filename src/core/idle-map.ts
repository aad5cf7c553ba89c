/**
 * One thing per id, made by the first who asks for it. Of those that have nothing to do so many are kept, with what
 * they know: who still has one that was forgotten goes on with it, apart from those who come later.
 */
export class IdleMap<T extends { readonly busy: boolean }> {
  readonly #idleMax: number;
  readonly #byId = new Map<string, T>();

  constructor(idleMax: number) {
    this.#idleMax = idleMax;
  }

  of(id: string, make: () => T): T {
    const known = this.#byId.get(id);
    if (known !== undefined) return known;
    if (this.#byId.size >= this.#idleMax) this.#forget();
    const made = make();
    this.#byId.set(id, made);
    return made;
  }

  /** The oldest that has nothing to do. */
  #forget(): void {
    for (const [id, { busy }] of this.#byId) {
      if (busy) continue;
      this.#byId.delete(id);
      return;
    }
  }
}
