import { experimental, Metadata, status } from '@grpc/grpc-js';
import { ConclaveError } from '../core/errors.js';
import { rendezvousScore } from '../core/hash.js';
import type { Discovery } from '../registry/discovery.js';
import { type Endpoint, endpointOf } from '../registry/endpoint.js';
import type { Instance } from '../registry/instance.js';

/** How long calls wait for a first list before those that are in a hurry are told that there is none. */
const firstListMs = 5_000;

/** What a resolver needs besides what grpc-js gives it. */
export interface ResolverSite {
  discover(service: string): Discovery;
  /** Instances of this zone are used alone as long as there are any. */
  readonly zone: string | undefined;
}

/**
 * Tells one channel of grpc-js which instances there are, for as long as it is in use. What is not enabled, ill or
 * draining is left out, since grpc-js has no client-side health check; the last list stays while the store is away.
 */
export class InstanceResolver implements experimental.Resolver {
  readonly #site: ResolverSite;
  readonly #service: string;
  readonly #listener: experimental.ResolverListener;
  /** Each channel has an order of its own, so that not everybody's `pick_first` is the same instance. */
  readonly #self = crypto.randomUUID();
  #discovery: Discovery | undefined;
  #wanted = false;

  constructor(site: ResolverSite, target: experimental.GrpcUri, listener: experimental.ResolverListener) {
    this.#site = site;
    this.#service = serviceOf(target);
    this.#listener = listener;
  }

  /**
   * Begins. Once it has begun there is nothing to ask for: changes are told as they come. To tell the same list again
   * to a channel that has lost its connections would make it try, fail and ask again without a pause.
   */
  updateResolution(): void {
    // grpc-js must not be called back before this call has returned.
    queueMicrotask(() => {
      if (this.#discovery === undefined && this.#wanted) this.#begin();
    });
    this.#wanted = true;
  }

  /** The channel is idle or closed; an idle one may ask again. */
  destroy(): void {
    this.#wanted = false;
    this.#discovery?.close();
    this.#discovery = undefined;
  }

  #begin(): void {
    let discovery: Discovery;
    try {
      discovery = this.#site.discover(this.#service);
    } catch (error) {
      this.#fail(ConclaveError.from(error));
      return;
    }
    this.#discovery = discovery;
    void this.#untilFirst(discovery);
    void this.#follow(discovery);
  }

  async #untilFirst(discovery: Discovery): Promise<void> {
    try {
      await discovery.ready({ timeoutMs: firstListMs });
      this.#tell(discovery);
    } catch (error) {
      if (!this.#isCurrent(discovery)) return;
      this.#fail(ConclaveError.from(error));
      // The list may come yet; what ends the discovery for good is told there.
      if (ConclaveError.is(error, 'TIMEOUT'))
        discovery.ready().then(
          () => this.#tell(discovery),
          () => {},
        );
    }
  }

  async #follow(discovery: Discovery): Promise<void> {
    try {
      for await (const _ of discovery.changes()) this.#tell(discovery);
    } catch (error) {
      if (this.#isCurrent(discovery)) this.#fail(ConclaveError.from(error));
    }
  }

  #tell(discovery: Discovery): void {
    if (!this.#isCurrent(discovery) || discovery.revision === 0n) return;
    const endpoints = this.#inOrder(discovery.available).flatMap(({ address }) => endpointsOf(address));
    this.#listener(experimental.statusOrFromValue(endpoints), {}, null, `instances of ${this.#service}`);
    // After an empty list `round_robin` of grpc-js 1.14 lets calls wait for ever; after an error they fail at once. By
    // itself an error would leave the last list in use.
    if (endpoints.length === 0) this.#fail(new ConclaveError('UNAVAILABLE', 'no instance can be called'));
  }

  #fail({ code, message }: ConclaveError): void {
    const details = `${this.#service}: ${code}: ${message}`;
    const error = { code: status.UNAVAILABLE, details, metadata: new Metadata() };
    this.#listener(experimental.statusOrFromError(error), {}, null, '');
  }

  #inOrder(instances: readonly Instance[]): Instance[] {
    const { zone } = this.#site;
    const near = zone === undefined ? [] : instances.filter((each) => each.zone === zone);
    const score = ({ key }: Instance) => rendezvousScore(this.#self, key);
    return [...(near.length > 0 ? near : instances)].sort((a, b) => score(b) - score(a));
  }

  #isCurrent(discovery: Discovery): boolean {
    return this.#discovery === discovery;
  }
}

/**
 * What calls give as their `:authority`: the last part of the name, with nothing in it that HTTP/2 refuses (a "/"
 * there makes servers reset every call).
 */
export function authorityOf({ path }: experimental.GrpcUri): string {
  return path.slice(path.lastIndexOf('/') + 1).replace(/[^A-Za-z0-9._~-]/g, '-');
}

function serviceOf({ scheme, authority, path }: experimental.GrpcUri): string {
  if (authority === undefined || authority === '') return path;
  throw new ConclaveError('INVALID_ARGUMENT', `a target is ${scheme}:///SERVICE, without a host: ${authority}`);
}

function endpointsOf(address: string): { addresses: Endpoint[] }[] {
  const endpoint = endpointOf(address);
  return endpoint === undefined ? [] : [{ addresses: [endpoint] }];
}
