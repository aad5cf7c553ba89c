import { ConclaveError } from '../../src/core/errors.js';
import type { Runtime } from '../../src/core/runtime.js';
import { CallerStores } from '../../src/server/concurrency/caller-stores.js';
import type { Store } from '../../src/store/store.js';
import { authAdminMethods } from '../../src/wire/admin-methods.js';
import { authMethods, type UnaryMethod } from '../../src/wire/methods.js';
import type { RpcChannel } from '../../src/wire/rpc-channel.js';
import type { CallName } from '../engine/operations.js';
import { debase, type Place, rebase } from '../engine/rebase.js';
import { type AuthCallName, authCalls, type CallerName, founding } from './steps.js';

const falseToken = 'AAAAAAAAAAAAAAAA.1';
const nobody = {};

/** One of the two servers, as those see it who ask it, and where on it a sequence runs. */
export class Side {
  readonly place: Place;
  readonly #channel: RpcChannel;
  readonly #stores: CallerStores;
  readonly #tokens = new Map<CallerName, string>();

  constructor(channel: RpcChannel, stores: CallerStores, place: Place) {
    this.#channel = channel;
    this.#stores = stores;
    this.place = place;
  }

  /** A sequence's part of the store: what was there before is compacted, and keys are above all earlier ones. */
  static async begin(channel: RpcChannel, runtime: Runtime, number: number): Promise<Side> {
    const prefix = `d/${String(number).padStart(8, '0')}/`;
    const stores = new CallerStores(runtime, [channel]);
    const store = stores.of({ metadata: nobody });
    const mark = { type: 'put', request: { key: Buffer.from(`${prefix}!`) } } as const;
    const { header } = await store.txn({ success: [mark] });
    await store.compact({ revision: header.revision });
    return new Side(channel, stores, { prefix, baseRevision: header.revision, leaseBase: BigInt(number) * 1_000n });
  }

  store(by: CallerName): Store {
    return this.#stores.of({ metadata: this.#metadata(by) });
  }

  /** The answer as both sides should give it, or the text of the error. */
  async call(by: CallerName, name: CallName, request: object): Promise<unknown> {
    const calls = this.store(by) as unknown as Record<CallName, (request: object) => Promise<object>>;
    return this.#told(async () => {
      const answer = (await calls[name](rebase(request, this.place))) as Record<string, unknown>;
      if (name !== 'leaseTimeToLive') return debase(answer, this.place);
      // Time goes on differently, and the order of keys is nobody's promise.
      const keys = (debase(answer.keys, this.place) as unknown[]).map(String).sort();
      return { ...(debase(answer, this.place) as object), keys, ttl: (answer.ttl as bigint) > 0n };
    });
  }

  auth(by: CallerName, name: AuthCallName, request: object): Promise<unknown> {
    const method: UnaryMethod<object, object> = authCalls[name] as UnaryMethod<object, object>;
    return this.#told(async () => {
      const metadata = this.#metadata(by);
      return debase(await this.#channel.unary(method, rebase(request, this.place), { metadata }), this.place);
    });
  }

  /** Whether it worked; the token goes with what `name` asks from then on. */
  login(name: CallerName, password: string): Promise<unknown> {
    return this.#told(async () => {
      this.#tokens.set(name, await this.#login(name, password));
      return 'logged in';
    });
  }

  /** Users, roles and rights to begin with; authentication is enabled, and everybody logged in. */
  async found(): Promise<void> {
    for (const { name, request } of founding) {
      const answer = await this.auth('nobody', name, request);
      if (typeof answer === 'string') throw new Error(`${name}: ${answer}`);
    }
    await this.auth('nobody', 'enable', {});
    for (const name of ['root', 'ann', 'bob'] as const) await this.login(name, 'pw');
  }

  /** Authentication is off afterwards, whatever a sequence has made of it. */
  async disarm(): Promise<void> {
    try {
      const metadata = { token: await this.#login('keeper', 'pw') };
      await this.#channel.unary(authAdminMethods.disable, {}, { metadata });
    } catch (error) {
      // Not enabled.
      if (!ConclaveError.is(error, 'FAILED_PRECONDITION')) throw error;
    }
    this.forgetTokens();
  }

  hasToken(by: CallerName): boolean {
    return this.#tokens.has(by);
  }

  forgetTokens(): void {
    this.#tokens.clear();
  }

  /** Takes away leases, and users and roles where there are some. */
  async clean(secured: boolean): Promise<void> {
    const { leases } = await this.store('nobody').leaseLeases();
    for (const { id } of leases) await this.store('nobody').leaseRevoke({ id });
    if (!secured) return;
    const { users } = await this.#channel.unary(authAdminMethods.userList, {}, nobody);
    for (const name of users) await this.#channel.unary(authAdminMethods.userDelete, { name }, nobody);
    const { roles } = await this.#channel.unary(authAdminMethods.roleList, {}, nobody);
    for (const role of roles) await this.#channel.unary(authAdminMethods.roleDelete, { role }, nobody);
  }

  async #told(ask: () => Promise<unknown>): Promise<unknown> {
    try {
      return await ask();
    } catch (error) {
      if (!ConclaveError.is(error)) throw error;
      return `${error.code}: ${error.message}`;
    }
  }

  async #login(name: string, password: string): Promise<string> {
    return (await this.#channel.unary(authMethods.authenticate, { name, password }, nobody)).token;
  }

  #metadata(by: CallerName): Readonly<Record<string, string>> {
    const token = by === 'liar' ? falseToken : this.#tokens.get(by);
    return token === undefined ? nobody : { token };
  }
}
