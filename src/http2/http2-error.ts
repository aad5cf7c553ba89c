import { codeName } from './protocol.js';

/** The peer broke a rule of the connection: it is of no more use (RFC 9113, 5.4.1). */
export class Http2Error extends Error {
  override readonly name = 'Http2Error';
  /** One of `Code`. */
  readonly code: number;

  constructor(code: number, what: string) {
    super(`${codeName(code)}: ${what}`);
    this.code = code;
  }
}
