import { utf8 } from '../core/bytes.js';
import { ConclaveError } from '../core/errors.js';
import type { Plain } from '../core/plain.js';
import { endpointOf } from './endpoint.js';

export type Metadata = Readonly<Record<string, Plain>>;

/** One instance of a service, as whoever registers it describes it. */
export interface InstanceSpec {
  /** Where callers reach it: `host:port`, a URL with host and port, or `unix:/path`. */
  readonly address: string;
  /** Whatever callers should know besides. At most 1 MiB as JSON. */
  readonly metadata?: Metadata | undefined;
  /** Its share of the calls in relation to others. Default: 100. */
  readonly weight?: number | undefined;
  /** Where it runs, for callers that prefer their own zone. */
  readonly zone?: string | undefined;
  readonly version?: string | undefined;
  /** As `grpc` or `http`; for people and filters. */
  readonly protocol?: string | undefined;
}

/** What an entry of the store says. */
export interface Entry extends InstanceSpec {
  readonly metadata: Metadata;
  readonly weight: number;
  /** Whether an operator lets it be called. */
  readonly enabled: boolean;
  /** Whether its own probe finds it well. */
  readonly healthy: boolean;
  /** It is about to leave: calls under way end, new ones go elsewhere. */
  readonly draining: boolean;
  /** From its start on its share of the calls grows to the whole over that time, in milliseconds. */
  readonly warmUpMs: number;
  /** By its own wall clock, in milliseconds since 1970; undefined for foreign entries. */
  readonly startedAtMs?: number | undefined;
  /** Drawn for each registration, so that it knows its own entry; undefined for foreign entries. */
  readonly owner?: string | undefined;
}

/** One instance of a service as the store shows it. */
export interface Instance extends Entry {
  readonly service: string;
  /** Unique within the service. */
  readonly id: string;
  /** Of its entry on the store. */
  readonly key: string;
  readonly leaseId: bigint;
  readonly createRevision: bigint;
  readonly modRevision: bigint;
}

export const defaultWeight = 100;
const idBytesMax = 256;
const metadataBytesMax = 1024 * 1024;

/** Whether calls should go there. */
export function isAvailable({ enabled, healthy, draining }: Entry): boolean {
  return enabled && healthy && !draining;
}

/** @throws ConclaveError `INVALID_ARGUMENT` that names what is wrong. */
export function checkSpec({ address, metadata, weight, zone, version, protocol }: InstanceSpec): void {
  checkAddress(address);
  if (weight !== undefined) checkWeight(weight);
  for (const [name, value] of Object.entries({ zone, version, protocol })) {
    if (value !== undefined && (typeof value !== 'string' || value === '')) {
      throw invalid(`${name} must be a string of at least one character`);
    }
  }
  checkMetadata(metadata);
}

/** @throws ConclaveError `INVALID_ARGUMENT`. */
export function checkWeight(weight: number): void {
  if (weight > 0 && Number.isFinite(weight)) return;
  throw invalid(`weight must be a finite number above 0, got ${weight}`);
}

/** @throws ConclaveError `INVALID_NAME`. */
export function checkId(id: string): void {
  const fits = typeof id === 'string' && id !== '' && !id.includes('/') && utf8(id).length <= idBytesMax;
  if (fits) return;
  const shown = JSON.stringify(id);
  throw new ConclaveError('INVALID_NAME', `an instance id is 1 to ${idBytesMax} bytes without "/", got ${shown}`);
}

function checkAddress(address: unknown): void {
  if (typeof address === 'string' && endpointOf(address) !== undefined) return;
  throw invalid(`an address is host:port, a URL with both, or unix:/path, got ${JSON.stringify(address)}`);
}

function checkMetadata(metadata: unknown): void {
  if (metadata === undefined) return;
  if (typeof metadata !== 'object' || metadata === null || Array.isArray(metadata)) {
    throw invalid('metadata must be an object');
  }
  let text: string;
  try {
    text = JSON.stringify(metadata);
  } catch (error) {
    throw new ConclaveError('INVALID_ARGUMENT', `metadata is no JSON: ${String(error)}`, { cause: error });
  }
  const bytes = utf8(text).length;
  if (bytes > metadataBytesMax) throw invalid(`metadata has ${bytes} bytes as JSON, at most ${metadataBytesMax}`);
}

function invalid(message: string): ConclaveError {
  return new ConclaveError('INVALID_ARGUMENT', message);
}
