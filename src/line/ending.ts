import { ConclaveError, type LossReason } from '../core/errors.js';

/** How something that was held has ended. */
export interface Ending {
  readonly released: boolean;
  readonly loss: LossReason | undefined;
  /** For whoever is told of it. */
  readonly error: ConclaveError;
}

export class Lost implements Ending {
  readonly released: boolean;
  readonly error: ConclaveError;

  constructor(error: ConclaveError) {
    this.error = error;
    this.released = error.code === 'RELEASED';
  }

  get loss(): LossReason | undefined {
    return this.error.loss;
  }
}

/** Hardly anybody asks for the error of a release, and an error costs more than all else that a release does here. */
export class Released implements Ending {
  readonly released = true;
  readonly loss = undefined;
  readonly #text: string;
  #error: ConclaveError | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  get error(): ConclaveError {
    this.#error ??= new ConclaveError('RELEASED', this.#text);
    return this.#error;
  }
}
