import { AssertionError } from 'node:assert';
import type { ServerLimits } from '../../src/server/grpc/limits.js';
import { FramePeer } from './frame-peer.js';
import { Code, type SettingPair } from './frames.js';

/** A transport with an `EchoService` behind it. */
export interface TransportUnderTest {
  readonly port: number;
  stats(): { readonly sessions: number; readonly calls: number };
  /** Its timers' time passes. */
  advance(ms: number): Promise<void>;
  /** Ends as a server does that is told to stop. */
  closeServer(): Promise<void>;
}

/** What a case works with. */
export interface Scene {
  readonly transport: TransportUnderTest;
  /** Another peer; all are closed when the case is over. */
  greet(...settings: readonly SettingPair[]): Promise<FramePeer>;
  /** One that has said nothing. */
  connect(): Promise<FramePeer>;
}

export interface TransportCase {
  /** Of RFC 9113, RFC 7541, or the CVE. */
  readonly source: string;
  readonly title: string;
  readonly limits?: Partial<ServerLimits>;
  run(scene: Scene): Promise<void>;
}

/** A case in which one peer, greeted, breaks a rule and is told so. */
export function refused(
  source: string,
  title: string,
  send: (peer: FramePeer) => void | Promise<void>,
  codes: readonly number[],
  stream?: number,
): TransportCase {
  return {
    source,
    title,
    run: async ({ greet }) => {
      const peer = await greet();
      await send(peer);
      await peer.fence();
      expectRefusal(peer, codes, stream);
    },
  };
}

/**
 * The connection was given up with one of the codes or closed; or, with `stream`, that stream alone. A connection may
 * be given up as INTERNAL_ERROR whatever the reason, as `node:http2` does: what counts is that it is (RFC 9113, 5.4.1).
 */
export function expectRefusal(peer: FramePeer, codes: readonly number[], stream?: number): void {
  const { goAwayCode: goAway, isClosed } = peer;
  const reset = stream === undefined ? undefined : peer.resetCode(stream);
  const seen = goAway ?? reset;
  if (goAway === Code.internal) return;
  if (seen !== undefined && codes.includes(seen)) return;
  if (seen === undefined && isClosed) return;
  const name = (code: number) => Object.entries(Code).find(([, each]) => each === code)?.[0] ?? code;
  const wanted = codes.map(name).join(' or ');
  throw new AssertionError({ message: `wanted ${wanted}, was ${seen === undefined ? 'not refused' : name(seen)}` });
}

/** Runs one case, and closes what it opened. */
export async function runCase(transport: TransportUnderTest, { run }: TransportCase): Promise<void> {
  const peers: FramePeer[] = [];
  const keep = async (made: Promise<FramePeer>) => {
    const peer = await made;
    peers.push(peer);
    return peer;
  };
  try {
    await run({
      transport,
      greet: (...settings) => keep(FramePeer.greeted(transport.port, ...settings)),
      connect: () => keep(FramePeer.silent(transport.port)),
    });
  } finally {
    for (const peer of peers) peer.close();
    await Promise.all(peers.map(({ closed }) => closed));
  }
}
