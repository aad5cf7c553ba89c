import { utf8, utf8Text } from '../../core/bytes.js';
import { isObject, type Plain } from '../../core/plain.js';
import { entryOf, type RegistryCodec } from '../codec.js';
import { checkSpec, type Entry, type Metadata } from '../instance.js';
import { numberOr, objectOf, textOf } from './fields.js';

/**
 * The JSON of Go's `naming/endpoints`, which Go's own gRPC resolver reads: `{"Op":0,"Addr":"host:port","Metadata":…}`.
 * What is ours stands inside `Metadata`, known by its `owner`; the metadata of anybody else is taken as it is.
 */
export const goNaming: RegistryCodec = {
  name: 'go-naming',
  keepsState: true,
  encode: (entry, { id }) => utf8(JSON.stringify({ Op: 0, Addr: entry.address, Metadata: metadataOf(entry, id) })),
  decode: (value) => {
    const read = objectOf(JSON.parse(utf8Text(value)));
    const address = textOf(read.Addr);
    if (address === undefined) throw new Error('no Addr');
    const entry = isObject(read.Metadata) && typeof read.Metadata.owner === 'string' ? ours(read.Metadata) : undefined;
    return entry === undefined ? foreign(address, read.Metadata) : entryOf({ address }, entry);
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

function ours(read: Readonly<Record<string, unknown>>): Partial<Entry> {
  const status = (textOf(read.status) ?? 'UP').split('+');
  const entry: Partial<Entry> = {
    owner: textOf(read.owner),
    version: textOf(read.version),
    protocol: textOf(read.protocol),
    zone: textOf(read.zone),
    weight: numberOr(read.weight, 100),
    warmUpMs: numberOr(read.warmUpMs, 0),
    startedAtMs: typeof read.startedAt === 'number' ? read.startedAt : undefined,
    enabled: !status.includes('DISABLED'),
    healthy: !status.includes('ILL'),
    draining: status.includes('DRAINING'),
    metadata: isObject(read.meta) ? (read.meta as Metadata) : {},
  };
  checkSpec({ address: 'unix:unused', ...entry });
  return entry;
}

function foreign(address: string, metadata: unknown): Entry {
  if (metadata === undefined || metadata === null) return entryOf({ address });
  return entryOf({ address, metadata: isObject(metadata) ? (metadata as Metadata) : { value: metadata as Plain } });
}
