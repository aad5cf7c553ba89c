import { type Bytes, noBytes } from '../../core/bytes.js';
import type {
  Event,
  KeyValue,
  ResponseHeader,
  WatchCreateRequest,
  WatchRequest,
  WatchResponse,
} from '../../store/messages.js';
import type { Codec } from './codec.js';
import { noHeader, readHeader, readKeyValue, writeHeader, writeKeyValue } from './common.js';
import { messageCodec } from './message-codec.js';
import type { Reader } from './reader.js';
import { type Write, Writer } from './writer.js';

function writeWatchRequest(writer: Writer, message: WatchRequest): void {
  switch (message.type) {
    case 'create':
      writer.message(1, message.request, writeCreateRequest);
      break;
    case 'cancel':
      writer.message(2, message.watchId, writeCancelRequest);
      break;
    case 'progress':
      writer.message(3, message, writeNothing);
      break;
    case 'none':
      break;
  }
}

function readWatchRequest(reader: Reader): WatchRequest {
  let message: WatchRequest = { type: 'none' };
  while (reader.next()) {
    if (reader.field === 1) message = { type: 'create', request: reader.message(readCreateRequest) };
    else if (reader.field === 2) message = { type: 'cancel', watchId: reader.message(readCancelRequest) };
    else if (reader.field === 3) {
      reader.message(readNothing);
      message = { type: 'progress' };
    } else reader.skip();
  }
  return message;
}

function writeCreateRequest(writer: Writer, request: WatchCreateRequest): void {
  writer.bytes(1, request.key);
  writer.bytes(2, request.rangeEnd);
  writer.int64(3, request.startRevision);
  writer.bool(4, request.progressNotify);
  writer.enums(5, request.filters);
  writer.bool(6, request.prevKv);
  writer.int64(7, request.watchId);
  writer.bool(8, request.fragment);
}

function readCreateRequest(reader: Reader): WatchCreateRequest {
  const filters: number[] = [];
  const request = {
    key: noBytes,
    rangeEnd: noBytes,
    startRevision: 0n,
    progressNotify: false,
    filters,
    prevKv: false,
    watchId: 0n,
    fragment: false,
  };
  while (reader.next()) {
    if (reader.field === 1) request.key = reader.bytes();
    else if (reader.field === 2) request.rangeEnd = reader.bytes();
    else if (reader.field === 3) request.startRevision = reader.int64();
    else if (reader.field === 4) request.progressNotify = reader.bool();
    else if (reader.field === 5) reader.enums(filters);
    else if (reader.field === 6) request.prevKv = reader.bool();
    else if (reader.field === 7) request.watchId = reader.int64();
    else if (reader.field === 8) request.fragment = reader.bool();
    else reader.skip();
  }
  return request;
}

function writeCancelRequest(writer: Writer, watchId: bigint): void {
  writer.int64(1, watchId);
}

function readCancelRequest(reader: Reader): bigint {
  let watchId = 0n;
  while (reader.next()) {
    if (reader.field === 1) watchId = reader.int64();
    else reader.skip();
  }
  return watchId;
}

function writeNothing(): void {}

function readNothing(reader: Reader): void {
  while (reader.next()) reader.skip();
}

function writeWatchResponse(
  writer: Writer,
  response: WatchResponse,
  header: Write<ResponseHeader> = writeHeaderField,
  events: Write<readonly Event[]> = writeEventsField,
): void {
  header(writer, response.header);
  writer.int64(2, response.watchId);
  writer.bool(3, response.created);
  writer.bool(4, response.canceled);
  writer.int64(5, response.compactRevision);
  writer.text(6, response.cancelReason);
  writer.bool(7, response.fragment);
  events(writer, response.events);
}

function writeHeaderField(writer: Writer, header: ResponseHeader): void {
  writer.message(1, header, writeHeader);
}

function writeEventsField(writer: Writer, events: readonly Event[]): void {
  writer.messages(11, events, writeEvent);
}

function readWatchResponse(reader: Reader): WatchResponse {
  const response = {
    header: noHeader,
    watchId: 0n,
    created: false,
    canceled: false,
    compactRevision: 0n,
    cancelReason: '',
    fragment: false,
    events: [] as Event[],
  };
  while (reader.next()) {
    if (reader.field === 1) response.header = reader.message(readHeader);
    else if (reader.field === 2) response.watchId = reader.int64();
    else if (reader.field === 3) response.created = reader.bool();
    else if (reader.field === 4) response.canceled = reader.bool();
    else if (reader.field === 5) response.compactRevision = reader.int64();
    else if (reader.field === 6) response.cancelReason = reader.text();
    else if (reader.field === 7) response.fragment = reader.bool();
    else if (reader.field === 11) addTo(response, reader.message(readEvent));
    else reader.skip();
  }
  return response;
}

/** Most responses have one event, and an array that grows begins with room for many. */
function addTo(response: { events: Event[] }, event: Event): void {
  if (response.events.length === 0) response.events = [event];
  else response.events.push(event);
}

function writeEvent(writer: Writer, event: Event): void {
  writer.enum(1, event.type);
  writer.message(2, event.kv, writeKeyValue);
  writer.message(3, event.prevKv, writeKeyValue);
}

function readEvent(reader: Reader): Event {
  let type = 0;
  let kv = noKeyValue;
  let prevKv: KeyValue | undefined;
  while (reader.next()) {
    if (reader.field === 1) type = reader.enum();
    else if (reader.field === 2) kv = reader.message(readKeyValue);
    else if (reader.field === 3) prevKv = reader.message(readKeyValue);
    else reader.skip();
  }
  return { type, kv, prevKv };
}

const noKeyValue: KeyValue = {
  key: noBytes,
  createRevision: 0n,
  modRevision: 0n,
  version: 0n,
  value: noBytes,
  lease: 0n,
};

export const watchRequest: Codec<WatchRequest> = messageCodec(writeWatchRequest, readWatchRequest);
export const watchResponse: Codec<WatchResponse> = messageCodec(
  (writer, response) => writeWatchResponse(writer, response),
  readWatchResponse,
);

/**
 * The same for a server, many of whose watches are told the same: header and event that were written last are not
 * encoded again. An event must not be changed once it was given.
 */
export function sharedWatchResponse(): Codec<WatchResponse> {
  const header = rememberLast(writeHeaderField, sameHeader);
  // Of many events none is the last one's.
  const events = rememberLast(writeEventsField, (a, b) => a.length === 1 && b.length === 1 && a[0] === b[0]);
  return messageCodec((writer, response) => writeWatchResponse(writer, response, header, events), readWatchResponse);
}

function rememberLast<Message>(write: Write<Message>, same: (a: Message, b: Message) => boolean): Write<Message> {
  let last: { readonly message: Message; readonly bytes: Bytes } | undefined;
  return (writer, message) => {
    if (last === undefined || !same(last.message, message)) {
      const own = new Writer();
      write(own, message);
      last = { message, bytes: own.finish() };
    }
    writer.encoded(last.bytes);
  };
}

function sameHeader(a: ResponseHeader, b: ResponseHeader): boolean {
  return (
    a.revision === b.revision && a.clusterId === b.clusterId && a.memberId === b.memberId && a.raftTerm === b.raftTerm
  );
}
