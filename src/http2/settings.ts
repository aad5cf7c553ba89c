import { uint32At } from './frame-reader.js';
import { Http2Error } from './http2-error.js';
import {
  Code,
  defaultFrameBytes,
  defaultTableBytes,
  defaultWindowBytes,
  largestFrameBytes,
  largestWindowBytes,
  Setting,
} from './protocol.js';

/** What a peer has said of itself so far (RFC 9113, 6.5.2). */
export interface PeerSettings {
  readonly headerTableBytes: number;
  readonly maxStreams: number;
  readonly initialWindowBytes: number;
  readonly maxFrameBytes: number;
  readonly maxHeaderListBytes: number;
}

/** Of a peer that has said nothing yet. */
export const initialPeerSettings: PeerSettings = {
  headerTableBytes: defaultTableBytes,
  maxStreams: Number.POSITIVE_INFINITY,
  initialWindowBytes: defaultWindowBytes,
  maxFrameBytes: defaultFrameBytes,
  maxHeaderListBytes: Number.POSITIVE_INFINITY,
};

const pairBytes = 6;

/**
 * `known` with the payload `bytes[start, end)` of a SETTINGS frame applied; settings of no known number are passed
 * over.
 * @throws Http2Error for a value that is not allowed.
 */
export function readSettings(known: PeerSettings, bytes: Buffer, start: number, end: number): PeerSettings {
  if ((end - start) % pairBytes !== 0) throw new Http2Error(Code.frameSize, `SETTINGS of ${end - start} bytes`);
  const next = { ...known };
  for (let at = start; at < end; at += pairBytes) {
    const value = uint32At(bytes, at + 2);
    switch (((bytes[at] as number) << 8) | (bytes[at + 1] as number)) {
      case Setting.headerTableSize:
        next.headerTableBytes = value;
        break;
      case Setting.enablePush:
        if (value > 1) throw new Http2Error(Code.protocol, `ENABLE_PUSH of ${value}`);
        break;
      case Setting.maxConcurrentStreams:
        next.maxStreams = value;
        break;
      case Setting.initialWindowSize:
        if (value > largestWindowBytes) throw new Http2Error(Code.flowControl, `a window of ${value} bytes`);
        next.initialWindowBytes = value;
        break;
      case Setting.maxFrameSize:
        if (value < defaultFrameBytes || value > largestFrameBytes) {
          throw new Http2Error(Code.protocol, `frames of at most ${value} bytes`);
        }
        next.maxFrameBytes = value;
        break;
      case Setting.maxHeaderListSize:
        next.maxHeaderListBytes = value;
        break;
      default:
    }
  }
  return next;
}

/** What we say of ourselves. */
export interface LocalSettings {
  /** Bytes of one stream that may be under way to us: at least 65,535, since a peer may send that before it knows. */
  readonly streamWindowBytes: number;
  /** The same of all streams together. */
  readonly connectionWindowBytes: number;
  /** Of one head or trailers, each field with 32 bytes more (RFC 9113, 6.5.2). */
  readonly maxHeaderListBytes: number;
  /** How many streams the peer may have open; absent: it is told nothing, as a client tells nothing. */
  readonly maxStreams?: number | undefined;
}

/** As they are said at the start of a connection. */
export function settingPairs(settings: LocalSettings, role: 'client' | 'server'): [id: number, value: number][] {
  const pairs: [number, number][] = [
    [Setting.initialWindowSize, settings.streamWindowBytes],
    [Setting.maxHeaderListSize, settings.maxHeaderListBytes],
  ];
  if (role === 'client') pairs.push([Setting.enablePush, 0]);
  if (settings.maxStreams !== undefined) pairs.push([Setting.maxConcurrentStreams, settings.maxStreams]);
  return pairs;
}
