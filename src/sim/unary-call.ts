import { type AnySignal, onAbort } from '../core/abort.js';
import { type Deferred, deferred } from '../core/deferred.js';
import { ConclaveError } from '../core/errors.js';
import { errorOfStatus, etcdError, Status, statusOf } from '../store/etcd-errors.js';
import type { UnaryMethod } from '../wire/methods.js';
import { connectionLost } from './connection-lost.js';
import { ServedCall } from './served-call.js';
import type { CallSite, OpenCall } from './sim-channel.js';
import type { ServerInstance } from './sim-server.js';

/** Between the two runs of a request that is carried out twice. */
const againAfterMs = 0.5;

/** One request and its answer, each of them an event of its own. */
export class UnaryCall<Request, Response> implements OpenCall {
  readonly #site: CallSite;
  readonly #method: UnaryMethod<Request, Response>;
  readonly #served: ServedCall;
  readonly #answer: Deferred<Response> = deferred<Response>();
  #over = false;

  constructor(site: CallSite, method: UnaryMethod<Request, Response>, metadata: Readonly<Record<string, string>>) {
    this.#site = site;
    this.#method = method;
    this.#served = new ServedCall(metadata);
  }

  get over(): boolean {
    return this.#over;
  }

  async run(request: Request, signal: AnySignal | undefined): Promise<Response> {
    const stopListening = onAbort(signal, () => this.#cancel());
    try {
      if (!this.#over) this.#send(request);
      return await this.#answer.promise;
    } finally {
      stopListening();
    }
  }

  reset(): void {
    this.#failLater('reset');
    this.#cancelServer();
  }

  clientGone(): void {
    this.#over = true;
    this.#cancelServer();
  }

  serverGone(): void {
    this.#failLater('reset');
  }

  #send(request: Request): void {
    const { link, server, world, asBytes } = this.#site;
    const { path, request: codec } = this.#method;
    const body = asBytes ? codec.decode(codec.encode(request)) : request;
    const fate = link.fateOf({ direction: 'toServer', shape: 'unary', path, body });
    const instance = server.instance;
    if (instance === undefined || fate.lost !== undefined) {
      if (fate.lost !== 'silently') this.#failLater(instance === undefined ? 'refused' : 'reset');
      return;
    }
    const { process } = instance;
    world.after(fate.delayMs, process, path, () => {
      const serve = () => this.#serve(instance, fate.body as Request);
      // Nobody hears the answer to this run.
      const carryOut = () => void this.#handle(instance, fate.body as Request).catch(() => {});
      if (fate.noRoom !== undefined) {
        if (fate.noRoom === 'applied') carryOut();
        this.#reply({ error: etcdError('noSpace') });
      } else if (fate.twice) {
        carryOut();
        world.after(againAfterMs, process, path, serve);
      } else {
        serve();
      }
    });
  }

  /** Runs in the server; a request is carried out even if nobody waits for it any more. */
  #serve(instance: ServerInstance, request: Request): void {
    this.#handle(instance, request).then(
      (response) => this.#reply({ response }),
      (error: unknown) => this.#reply({ error }),
    );
  }

  async #handle({ service }: ServerInstance, request: Request): Promise<Response> {
    const handler = service.unary(this.#method.path);
    if (handler === undefined) throw errorOfStatus(Status.unimplemented, `unknown method ${this.#method.path}`);
    return (await handler.handle(request, this.#served)) as Response;
  }

  #reply(answer: { readonly response: Response } | { readonly error: unknown }): void {
    if (this.#over) return;
    const { link, world, client, asBytes } = this.#site;
    const { path, response: codec } = this.#method;
    const response = 'response' in answer ? answer.response : undefined;
    const body = asBytes && response !== undefined ? codec.decode(codec.encode(response)) : response;
    const fate = link.fateOf({ direction: 'toClient', shape: 'unary', path, body });
    if (fate.lost === 'reset') this.#failLater('reset');
    if (fate.lost !== undefined) return;
    world.after(fate.delayMs, client, 'reply', () => {
      if ('error' in answer) this.#reject(overTheWire(answer.error));
      else this.#resolve(fate.body as Response);
    });
  }

  #failLater(kind: 'reset' | 'refused'): void {
    const { world, link, client } = this.#site;
    world.after(link.drawDelayMs(), client, kind, () => this.#reject(connectionLost()));
  }

  #cancel(): void {
    this.#reject(errorOfStatus(Status.cancelled, 'the call was cancelled'));
    this.#cancelServer();
  }

  #cancelServer(): void {
    const { world, link, server } = this.#site;
    if (!this.#served.watched) return;
    world.after(link.drawDelayMs(), server.instance?.process, 'cancel', () => this.#served.end());
  }

  #resolve(response: Response): void {
    this.#over = true;
    this.#answer.resolve(response);
  }

  #reject(error: ConclaveError): void {
    this.#over = true;
    this.#answer.reject(error);
  }
}

/** What a peer makes of `error`. */
export function overTheWire(error: unknown): ConclaveError {
  const { status, text } = statusOf(ConclaveError.from(error));
  return errorOfStatus(status, text, error);
}
