import { utf8 } from '../../core/bytes.js';
import { isObject, numberOr, type Plain } from '../../core/plain.js';
import { entryOf, type RegistryCodec } from '../codec.js';
import { checkWeight, defaultWeight, type Entry, type Metadata } from '../instance.js';
import { jsonObjectOf, textOf } from './fields.js';

/**
 * The JSON of Go's `naming/endpoints`, which Go's own gRPC resolver reads: `{"Op":0,"Addr":"host:port","Metadata":…}`.
 * What is ours stands inside `Metadata`, known by its `owner`; the metadata of anybody else is taken as it is.
 */
export const goNaming: RegistryCodec = {
  name: 'go-naming',
  keepsState: true,
  encode: (entry, { id }) => utf8(JSON.stringify({ Op: 0, Addr: entry.address, Metadata: metadataOf(entry, id) })),
  decode: (value) => {
    const { Addr, Metadata } = jsonObjectOf(value);
    const address = textOf(Addr);
    if (address === undefined) throw new Error('no Addr');
    return isObject(Metadata) && typeof Metadata.owner === 'string'
      ? ours(address, Metadata)
      : foreign(address, Metadata);
  },
};

type Status = 'UP' | 'DISABLED' | 'ILL' | 'DRAINING';

function metadataOf(entry: Entry, id: string): Plain {
  const { owner, version, protocol, zone, weight, warmUpMs, startedAtMs, metadata } = entry;
  // JSON leaves out what is undefined.
  const known = { owner, id, version, protocol, zone, weight, warmUpMs, startedAt: startedAtMs };
  const states: Status[] = [];
  if (!entry.enabled) states.push('DISABLED');
  if (!entry.healthy) states.push('ILL');
  if (entry.draining) states.push('DRAINING');
  return { ...known, status: states.length === 0 ? 'UP' : states.join('+'), meta: metadata } as unknown as Plain;
}

function ours(address: string, read: Readonly<Record<string, unknown>>): Entry {
  const status = textOf(read.status) ?? 'UP';
  const weight = numberOr(read.weight, defaultWeight);
  checkWeight(weight);
  const isUp = status === 'UP';
  return {
    address,
    metadata: isObject(read.meta) ? (read.meta as Metadata) : {},
    weight,
    zone: textOf(read.zone),
    version: textOf(read.version),
    protocol: textOf(read.protocol),
    enabled: isUp || !hasState(status, 'DISABLED'),
    healthy: isUp || !hasState(status, 'ILL'),
    draining: !isUp && hasState(status, 'DRAINING'),
    warmUpMs: numberOr(read.warmUpMs, 0),
    startedAtMs: typeof read.startedAt === 'number' ? read.startedAt : undefined,
    owner: textOf(read.owner),
  };
}

function hasState(status: string, state: Status): boolean {
  return status.split('+').includes(state);
}

function foreign(address: string, metadata: unknown): Entry {
  if (metadata === undefined || metadata === null) return entryOf({ address });
  return entryOf({ address, metadata: isObject(metadata) ? (metadata as Metadata) : { value: metadata as Plain } });
}
