import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';

/** What a member tells of itself; ids are hex. */
export interface MemberStatus {
  readonly memberId: string;
  readonly leaderId: string;
  readonly revision: bigint;
}

/** One key change, bytes as one char each. */
export interface GatewayEvent {
  readonly deleted: boolean;
  readonly key: string;
  readonly value: string;
  readonly create: bigint;
  readonly mod: bigint;
  readonly version: bigint;
  readonly lease: bigint;
  /** The lease that the key hung on before. */
  readonly leaseBefore: bigint;
}

/**
 * etcd by its JSON gateway: what this suite needs to know and do goes another way than the code that it judges.
 * Every call ends within `timeoutMs`.
 */
export class Gateway {
  readonly #url: string;

  constructor(url: string) {
    this.#url = url;
  }

  async status(timeoutMs = 1000): Promise<MemberStatus> {
    const answer = await this.#call<StatusAnswer>('/v3/maintenance/status', {}, timeoutMs);
    return {
      memberId: hex(answer.header.member_id),
      leaderId: hex(answer.leader),
      revision: BigInt(answer.header.revision ?? 0),
    };
  }

  /** The revision of the put. */
  async put(key: string, value: string, timeoutMs = 2000): Promise<bigint> {
    const answer = await this.#call<Answer>('/v3/kv/put', { key: base64(key), value: base64(value) }, timeoutMs);
    return BigInt(answer.header.revision ?? 0);
  }

  /** Linearizable. */
  async keys(prefix: string, timeoutMs = 2000): Promise<string[]> {
    const body = { key: base64(prefix), range_end: base64(prefixEnd(prefix)), keys_only: true };
    const answer = await this.#call<RangeAnswer>('/v3/kv/range', body, timeoutMs);
    return (answer.kvs ?? []).map(({ key }) => text(key));
  }

  async leases(timeoutMs = 2000): Promise<bigint[]> {
    const answer = await this.#call<LeasesAnswer>('/v3/lease/leases', {}, timeoutMs);
    return (answer.leases ?? []).map(({ ID }) => BigInt(ID));
  }

  async compact(revision: bigint, timeoutMs = 2000): Promise<void> {
    await this.#call('/v3/kv/compaction', { revision: String(revision) }, timeoutMs);
  }

  async defragment(timeoutMs = 5000): Promise<void> {
    await this.#call('/v3/maintenance/defragment', {}, timeoutMs);
  }

  /**
   * Every change from `startRevision` on until `signal` aborts; resolves when the stream ends for whatever reason.
   * A compaction that took history away rejects.
   */
  async watch(
    startRevision: bigint,
    onEvents: (events: readonly GatewayEvent[]) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const everything = { key: 'AA==', range_end: 'AA==', start_revision: String(startRevision), prev_kv: true };
    const response = await this.#post('/v3/watch', { create_request: everything }, signal);
    for await (const line of linesOf(response)) {
      const { result } = JSON.parse(line) as { result?: WatchAnswer };
      if (result === undefined) return;
      if (result.compact_revision !== undefined && result.compact_revision !== '0') {
        throw new Error(`revisions below ${result.compact_revision} were compacted before they were seen`);
      }
      if (result.canceled === true) return;
      if (result.events !== undefined) onEvents(result.events.map(eventOf));
    }
  }

  async #call<T>(path: string, body: object, timeoutMs: number): Promise<T> {
    const response = await this.#post(path, body, AbortSignal.timeout(timeoutMs));
    const parts = (await response.toArray()) as Buffer[];
    const answer = Buffer.concat(parts).toString('utf8');
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode} ${answer.trim()}`);
    return JSON.parse(answer) as T;
  }

  async #post(path: string, body: object, signal: AbortSignal): Promise<IncomingMessage> {
    const sent = request(`${this.#url}${path}`, { method: 'POST', agent: false, signal });
    sent.end(JSON.stringify(body));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    return response;
  }
}

/** A stream that was aborted or broken rejects. */
async function* linesOf(response: IncomingMessage): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + (chunk as string)).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.filter((line) => line !== '');
  }
}

interface Answer {
  readonly header: { readonly revision?: string; readonly member_id: string };
}
interface StatusAnswer extends Answer {
  readonly leader?: string;
}
interface RangeAnswer extends Answer {
  readonly kvs?: readonly { readonly key: string }[];
}
interface LeasesAnswer extends Answer {
  readonly leases?: readonly { readonly ID: string }[];
}
interface KvAnswer {
  readonly key: string;
  readonly value?: string;
  readonly create_revision?: string;
  readonly mod_revision?: string;
  readonly version?: string;
  readonly lease?: string;
}
interface WatchAnswer extends Answer {
  readonly canceled?: boolean;
  readonly compact_revision?: string;
  readonly events?: readonly { readonly type?: string; readonly kv: KvAnswer; readonly prev_kv?: KvAnswer }[];
}

function eventOf({ type, kv, prev_kv }: NonNullable<WatchAnswer['events']>[number]): GatewayEvent {
  return {
    deleted: type === 'DELETE',
    key: text(kv.key),
    value: text(kv.value ?? ''),
    create: BigInt(kv.create_revision ?? 0),
    mod: BigInt(kv.mod_revision ?? 0),
    version: BigInt(kv.version ?? 0),
    lease: BigInt(kv.lease ?? 0),
    leaseBefore: BigInt(prev_kv?.lease ?? 0),
  };
}

function hex(id: string | undefined): string {
  return BigInt(id ?? 0).toString(16);
}

function base64(bytes: string): string {
  return Buffer.from(bytes, 'latin1').toString('base64');
}

function text(base64Text: string): string {
  return Buffer.from(base64Text, 'base64').toString('latin1');
}

/** Of a prefix that ends in an ordinary character. */
function prefixEnd(prefix: string): string {
  const last = prefix.length - 1;
  return prefix.slice(0, last) + String.fromCharCode(prefix.charCodeAt(last) + 1);
}
