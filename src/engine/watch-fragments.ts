import type { Event, WatchResponse } from '../store/messages.js';

/** How many bytes a response takes on the wire; an estimate will do. */
export type ResponseSize = (response: WatchResponse) => number;

/** Length of a tag and a varint that are usually enough for one field, rounded up. */
const fieldBytes = 12;

/** From above, without encoding anything. */
export function estimateSize({ events }: WatchResponse): number {
  return events.reduce((sum, event) => sum + eventBytes(event), 8 * fieldBytes);
}

/**
 * Splits a response that is over `maxBytes` into parts that are not, all but the last marked `fragment`. A part holds
 * at least one event, however large, so it may split a revision (protocol.md section 2).
 */
export function fragmentsOf(response: WatchResponse, maxBytes: number, sizeOf: ResponseSize): WatchResponse[] {
  if (response.events.length < 2 || sizeOf(response) < maxBytes) return [response];
  const bare = sizeOf({ ...response, events: [] });
  const parts: WatchResponse[] = [];
  let events: Event[] = [];
  let bytes = bare;
  for (const event of response.events) {
    const more = sizeOf({ ...response, events: [event] }) - bare;
    if (events.length > 0 && bytes + more >= maxBytes) {
      parts.push({ ...response, events, fragment: true });
      events = [];
      bytes = bare;
    }
    events.push(event);
    bytes += more;
  }
  parts.push({ ...response, events });
  return parts;
}

/** From above, as `estimateSize`. */
export function eventBytes({ kv, prevKv }: Event): number {
  const kvBytes = kv.key.length + kv.value.length + 8 * fieldBytes;
  return kvBytes + (prevKv === undefined ? 0 : prevKv.key.length + prevKv.value.length + 8 * fieldBytes);
}
