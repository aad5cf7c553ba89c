import { prefixEnd, utf8 } from '../../../src/core/bytes.js';
import { ConclaveError } from '../../../src/core/errors.js';
import type { AuthStore } from '../../../src/engine/auth/auth-store.js';
import { EngineHost, type EngineHostOptions } from '../../../src/engine/engine-host.js';
import { PasswordHasher } from '../../../src/server/auth/password-hash.js';
import { createService } from '../../../src/server/service.js';
import { SimRuntime } from '../../../src/sim/sim-runtime.js';
import type { AuthEntry } from '../../../src/store/auth-journal.js';
import { PermissionType } from '../../../src/store/auth-messages.js';
import { statusOf } from '../../../src/store/etcd-errors.js';
import { authAdminMethods as admin } from '../../../src/wire/admin-methods.js';
import { authMethods, type DuplexMethod, type UnaryMethod } from '../../../src/wire/methods.js';
import type { DuplexCall, RpcContext, RpcPeer, RpcService } from '../../../src/wire/rpc-service.js';

/** What a call came to: `OK`, or status and text as the peer is told them. */
export type Outcome = string;

/** Shared, since threads take their time to start. */
export const testHasher = new PasswordHasher(new SimRuntime(), 4);

/** The service over an engine, on simulated time, with password hashes that cost next to nothing. */
export class AuthWorld {
  readonly runtime = new SimRuntime();
  readonly entries: AuthEntry[] = [];
  readonly auth: AuthStore;
  readonly host: EngineHost;
  readonly service: RpcService;

  constructor(options: EngineHostOptions = {}) {
    const { runtime } = this;
    this.host = new EngineHost(runtime, {
      ...options,
      onEntry: (entry) => {
        if (entry.type === 'auth') this.entries.push(entry.entry);
      },
    });
    this.auth = this.host.auth;
    this.service = createService(this.host, { runtime, hasher: testHasher });
  }

  async call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    token?: string,
    peer?: RpcPeer,
  ): Promise<Response> {
    const handler = this.service.unary(method.path);
    if (handler === undefined) throw new Error(`no handler for ${method.path}`);
    return handler.handle(request, contextOf(token, peer)) as Promise<Response>;
  }

  open<Request, Response>(method: DuplexMethod<Request, Response>, token?: string): OpenCall<Request, Response> {
    return new OpenCall(this.service, method, contextOf(token));
  }

  async outcome<Request>(method: UnaryMethod<Request, unknown>, request: Request, token?: string): Promise<Outcome> {
    return outcomeOf(this.call(method, request, token));
  }

  async login(name: string, password = `${name}-pw`): Promise<string> {
    return (await this.call(authMethods.authenticate, { name, password })).token;
  }

  async addUser(name: string, ...roles: string[]): Promise<void> {
    const token = this.auth.enabled ? await this.login('root') : undefined;
    const request = { name, password: `${name}-pw`, options: undefined, hashedPassword: '' };
    await this.call(admin.userAdd, request, token);
    for (const role of roles) this.auth.grantRole(name, role);
  }

  /** A role that may do with the keys of a prefix, or with one key, what `permType` says. */
  addRole(name: string, ...grants: readonly [permType: number, prefixOrKey: string][]): void {
    this.auth.addRole(name);
    for (const [permType, text] of grants) {
      const key = utf8(text);
      const rangeEnd = text.endsWith('/') ? prefixEnd(key) : new Uint8Array(0);
      this.auth.grantPermission(name, { permType, key, rangeEnd });
    }
  }

  /** root with its role; alice, who may read and write `app/`; nora, who has no role. Authentication is enabled. */
  async populate(): Promise<void> {
    this.addRole('app', [PermissionType.readWrite, 'app/']);
    await this.addUser('root', 'root');
    await this.addUser('alice', 'app');
    await this.addUser('nora');
    this.auth.enable();
  }
}

/** One duplex call, and what it was told. */
export class OpenCall<Request, Response> {
  readonly sent: Response[] = [];
  readonly ends: (ConclaveError | undefined)[] = [];
  readonly #call: DuplexCall<Request>;

  constructor(service: RpcService, method: DuplexMethod<Request, Response>, context: RpcContext) {
    const handler = service.duplex(method.path);
    if (handler === undefined) throw new Error(`no handler for ${method.path}`);
    const reply = {
      send: (message: unknown) => this.sent.push(message as Response),
      end: (error?: ConclaveError) => this.ends.push(error),
    };
    this.#call = handler.open(reply, context) as DuplexCall<Request>;
  }

  ask(request: Request): this {
    this.#call.onMessage(request);
    return this;
  }

  close(): void {
    this.#call.onCancel();
  }
}

export async function outcomeOf(answer: Promise<unknown>): Promise<Outcome> {
  try {
    await answer;
    return 'OK';
  } catch (error) {
    return told(error);
  }
}

export function told(error: unknown): Outcome {
  if (!ConclaveError.is(error)) throw error;
  const { status, text } = statusOf(error);
  return `${status} ${text}`;
}

function contextOf(token: string | undefined, peer?: RpcPeer): RpcContext {
  return { metadata: token === undefined ? {} : { token }, signal: new AbortController().signal, peer };
}
