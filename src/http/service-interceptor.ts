import type { Dispatcher } from 'undici';
import type { Pick } from '../registry/balancer.js';
import type { Discovery } from '../registry/discovery.js';
import { type Attempt, Attempts, type Replayable, type RetryOptions } from './attempts.js';
import { pathBelow } from './instance-url.js';

type Dispatch = Dispatcher['dispatch'];
type Handler = Dispatcher.DispatchHandler;
type Controller = Dispatcher.DispatchController;
type Told<Name extends keyof Handler> = Parameters<NonNullable<Handler[Name]>>;

/**
 * For undici's `compose`: sends every request of that dispatcher to an instance of the service, whatever origin it
 * names, tells the balancer how it went, and tries another when one cannot be reached, or fails and the method may be
 * repeated. `new Agent().compose(serviceInterceptor(discovery))`.
 */
export function serviceInterceptor(
  discovery: Discovery,
  options: RetryOptions = {},
): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (request, handler) => {
    const attempts = new Attempts(discovery, options, {
      method: request.method,
      replayable: replayableOf(request.body),
    });
    return send(dispatch, request, handler, attempts, attempts.pick());
  };
}

/** `fetch` gives even short bodies as generators, which nobody reads before there is a connection. */
function replayableOf(body: unknown): Replayable {
  if (body === null || body === undefined || typeof body === 'string' || ArrayBuffer.isView(body)) return 'always';
  return typeof body === 'object' && Symbol.asyncIterator in body && !('destroy' in body) ? 'unsent' : 'never';
}

function send(
  dispatch: Dispatch,
  request: Dispatcher.DispatchOptions,
  handler: Handler,
  attempts: Attempts,
  { pick, base }: Attempt,
): boolean {
  const again = (next: Attempt) => send(dispatch, request, handler, attempts, next);
  return dispatch(
    { ...request, origin: base.origin, path: pathBelow(base, request.path) },
    new AttemptHandler(handler, attempts, pick, again),
  );
}

/** Stands between one attempt and whoever waits for the answer. `compose` gives handlers of undici 7's kind. */
class AttemptHandler implements Handler {
  readonly #handler: Handler;
  readonly #attempts: Attempts;
  readonly #pick: Pick;
  readonly #again: (next: Attempt) => void;
  /** Where the call goes after this attempt; what this one is answered goes to nobody. */
  #next: Attempt | undefined;
  #started = false;

  constructor(handler: Handler, attempts: Attempts, pick: Pick, again: (next: Attempt) => void) {
    this.#handler = handler;
    this.#attempts = attempts;
    this.#pick = pick;
    this.#again = again;
  }

  onRequestStart(controller: Controller, context: unknown): void {
    this.#handler.onRequestStart?.(controller, context);
  }

  onRequestUpgrade(...told: Told<'onRequestUpgrade'>): void {
    this.#pick.done();
    this.#handler.onRequestUpgrade?.(...told);
  }

  onResponseStart(...told: Told<'onResponseStart'>): void {
    const status = told[1];
    if (this.#attempts.isFailure(status)) {
      this.#pick.done(new Error(`status ${status}`));
      this.#next = this.#attempts.next({ status });
      if (this.#next !== undefined) return;
    }
    this.#started = true;
    this.#handler.onResponseStart?.(...told);
  }

  onResponseData(...told: Told<'onResponseData'>): void {
    if (this.#next === undefined) this.#handler.onResponseData?.(...told);
  }

  onResponseEnd(...told: Told<'onResponseEnd'>): void {
    this.#pick.done();
    if (this.#next === undefined) this.#handler.onResponseEnd?.(...told);
    else this.#again(this.#next);
  }

  /** Without a connection there is no controller yet. */
  onResponseError(controller: Controller | undefined, error: Error): void {
    // An abort is the caller's, and no failure of the instance.
    const aborted = controller?.aborted === true;
    this.#pick.done(aborted ? undefined : error);
    const next = this.#next ?? (aborted || this.#started ? undefined : this.#attempts.next({ error }));
    if (next === undefined) this.#handler.onResponseError?.(controller as Controller, error);
    else this.#again(next);
  }
}
