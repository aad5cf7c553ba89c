import { onAbort } from '../core/abort.js';
import { latin1 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { RecipeContext } from '../line/context.js';
import { MirrorChecks } from '../store/mirror-checks.js';
import { bytesOf, type Text } from '../store/ops.js';
import { EphemeralKey, type EphemeralOptions } from './ephemeral-key.js';

/**
 * The ephemeral keys of one connection. Whose a key is its lease tells, so that each has one keeper here; one that was
 * given up, and still looks for what a request of unknown fate makes, leaves that to the next.
 */
export class Ephemerals {
  readonly #context: RecipeContext;
  readonly #checks: MirrorChecks;
  readonly #kept = new Map<string, EphemeralKey>();

  constructor(context: RecipeContext) {
    this.#context = context;
    this.#checks = new MirrorChecks(context.store, context.runtime);
  }

  /** Resolves when the key stands there. See `Conclave.ephemeral`. */
  async keep(key: Text, value: Text, options: EphemeralOptions): Promise<EphemeralKey> {
    const id = latin1(bytesOf(key));
    const before = this.#kept.get(id);
    if (before !== undefined && before.status !== 'ended') {
      throw new ConclaveError('CONFLICT', `${JSON.stringify(String(key))} is kept by this connection already`);
    }
    const made = new EphemeralKey(this.#context, this.#checks, key, value, options, before);
    this.#kept.set(id, made);
    onAbort(made.stopped, () => {
      if (this.#kept.get(id) === made) this.#kept.delete(id);
    });
    return made.start();
  }
}
