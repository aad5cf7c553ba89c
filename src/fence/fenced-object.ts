import { ConclaveError } from '../core/errors.js';
import { checkFence, staleFence } from './fence.js';
import { formatFence, parseFence } from './fence-header.js';

/** The object's metadata with the highest fence so far: S3 sends it as `x-amz-meta-conclave-fence`. */
export const fenceMetadata = 'conclave-fence';

/** What is needed of an object store: S3, R2, GCS and Azure have it, by these or other names. */
export interface ConditionalObjects<Body> {
  /** Undefined: there is no such object. */
  get(key: string): Promise<StoredObject<Body> | undefined>;
  /** Writes if the object is still the one with that ETag (`If-Match`), or if there is none (`If-None-Match: *`). */
  put(
    key: string,
    body: Body,
    condition: { readonly ifMatch: string } | { readonly ifNoneMatch: '*' },
    metadata: Readonly<Record<string, string>>,
  ): Promise<'written' | 'precondition failed'>;
}

export interface StoredObject<Body> {
  readonly body: Body;
  readonly etag: string;
  readonly metadata: Readonly<Record<string, string | undefined>>;
}

/** Times that somebody else may write between the read and the write. */
const attemptsMax = 20;

/**
 * Reads an object and writes what `change` makes of it, with the fence beside it, if no later holder has been there and
 * nobody wrote in between; else reads again. `change` may be called more than once; to read only, return the body.
 * @throws ConclaveError `STALE_FENCE`; `UNAVAILABLE` when others wrote in between twenty times; `INVALID_ARGUMENT`;
 * what the store or `change` throws.
 */
export async function changeFenced<Body>(
  objects: ConditionalObjects<Body>,
  key: string,
  fence: bigint,
  change: (body: Body | undefined) => Promise<Body> | Body,
): Promise<Body> {
  checkFence(fence);
  for (let i = 0; i < attemptsMax; i++) {
    const found = await objects.get(key);
    const written = found?.metadata[fenceMetadata];
    const highest = written === undefined ? 0n : parseFence(written);
    if (highest > fence) throw staleFence(key, fence, highest);
    const body = await change(found?.body);
    const condition = found === undefined ? ({ ifNoneMatch: '*' } as const) : { ifMatch: found.etag };
    const done = await objects.put(key, body, condition, { ...found?.metadata, [fenceMetadata]: formatFence(fence) });
    if (done === 'written') return body;
  }
  throw new ConclaveError('UNAVAILABLE', `${JSON.stringify(key)} was written by others ${attemptsMax} times in a row`);
}
