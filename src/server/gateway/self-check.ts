import { noBytes, utf8 } from '../../core/bytes.js';
import { ConclaveError } from '../../core/errors.js';
import type { StatusResponse } from '../../wire/codec/maintenance.js';
import { kvMethods } from '../../wire/methods.js';
import type { RpcContext, RpcService } from '../../wire/rpc-service.js';

const statusPath = '/etcdserverpb.Maintenance/Status';

/**
 * Asks the service what a client would ask, so that in front of another cluster the answer is that cluster's. Refused
 * for want of a token is well enough, as in etcd: somebody is there who can tell.
 */
export class SelfCheck {
  readonly #service: RpcService;

  constructor(service: RpcService) {
    this.#service = service;
  }

  /** Undefined where the status is for those with a token only. Rejects when there is nobody to tell it. */
  async status(): Promise<StatusResponse | undefined> {
    try {
      return (await this.#call(statusPath, {})) as StatusResponse;
    } catch (error) {
      if (isRefusal(error)) return undefined;
      throw error;
    }
  }

  /** Rejects when nothing can be read. */
  async read(serializable: boolean): Promise<void> {
    const request = { ...kvMethods.range.request.decode(noBytes), key: utf8('health'), limit: 1n, serializable };
    try {
      await this.#call(kvMethods.range.path, request);
    } catch (error) {
      if (!isRefusal(error)) throw error;
    }
  }

  async #call(path: string, request: unknown): Promise<unknown> {
    const handler = this.#service.unary(path);
    if (handler === undefined) throw new ConclaveError('UNSUPPORTED', `no ${path} here`);
    const context: RpcContext = { metadata: {}, signal: new AbortController().signal };
    return handler.handle(request, context);
  }
}

function isRefusal(error: unknown): boolean {
  return ConclaveError.is(error, 'UNAUTHENTICATED', 'PERMISSION_DENIED');
}
