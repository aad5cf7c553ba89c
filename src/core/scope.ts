/** What must be given back, in reverse order of taking, however the work ends. */
export class Scope {
  #releases: (() => unknown)[] = [];
  #closing: Promise<void> | undefined;

  /** Registers `release`, which may be async; returns a function that takes it back without running it. */
  add(release: () => unknown): () => void {
    if (this.#closing !== undefined) throw new Error('scope is closed');
    this.#releases.push(release);
    return () => {
      this.#releases = this.#releases.filter((each) => each !== release);
    };
  }

  /** Runs every release, the last first, goes on past failures and rejects with the first of them. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#run();
    return this.#closing;
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    // Bounded: nothing can be added once closing.
    for (let release = this.#releases.pop(); release !== undefined; release = this.#releases.pop()) {
      try {
        await release();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
