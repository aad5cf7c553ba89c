import { type Bytes, prefixEnd, utf8, utf8Text } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { RecipeContext } from '../line/context.js';
import type { RegistryCodec } from './codec.js';
import type { ViewSpec } from './service-view.js';

/** Where services live, below the namespace. */
const root = 'services';

/** The key of an instance's entry: a direct child of the service's name. */
export function entryKey(context: RecipeContext, codec: RegistryCodec, service: string, id: string): Bytes {
  return utf8(`${serviceName(context, codec, service)}/${id}`);
}

/**
 * All entries of `service`. The prefix ends with "/": Go's resolver leaves that out, and so finds the instances of
 * `users-admin` for `users`.
 */
export function oneService(context: RecipeContext, codec: RegistryCodec, service: string): ViewSpec {
  const key = utf8(`${serviceName(context, codec, service)}/`);
  const nameOf = (entry: Bytes) => {
    const id = utf8Text(entry.subarray(key.length));
    return id === '' || id.includes('/') ? undefined : { service, id };
  };
  return { key, rangeEnd: prefixEnd(key), codec, nameOf };
}

/** The entries of all services whose names begin with `prefix`; the last part of a key is the id. */
export function allServices(context: RecipeContext, codec: RegistryCodec, prefix: string): ViewSpec {
  const before = prefix.startsWith('/') ? '' : rootOf(context, codec);
  const key = utf8(`${before}${prefix}`);
  const nameOf = (entry: Bytes) => {
    const [, service, id] = /^(.+)\/([^/]+)$/s.exec(utf8Text(entry).slice(before.length)) ?? [];
    return service === undefined || id === undefined ? undefined : { service, id };
  };
  // Every key starts with the empty prefix; etcd writes that as "\0" to the end.
  if (key.length === 0) return { key: new Uint8Array([0]), rangeEnd: new Uint8Array([0]), codec, nameOf };
  return { key, rangeEnd: prefixEnd(key), codec, nameOf };
}

/**
 * A name that starts with `/` is the exact key, as everywhere; any other lives under the codec's root, or else
 * `<namespace>services/`.
 * @throws ConclaveError `INVALID_NAME`.
 */
function serviceName(context: RecipeContext, codec: RegistryCodec, service: string): string {
  if (typeof service !== 'string' || service === '' || service.endsWith('/')) {
    const shown = JSON.stringify(service);
    throw new ConclaveError(
      'INVALID_NAME',
      `a service's name has at least one character and no "/" at its end, got ${shown}`,
    );
  }
  if (service.startsWith('/')) return service;
  return `${rootOf(context, codec)}${codec.nameInKeys?.(service) ?? service}`;
}

function rootOf({ namespace }: RecipeContext, codec: RegistryCodec): string {
  return codec.root ?? `${namespace}${root}/`;
}
