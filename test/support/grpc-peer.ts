import * as grpc from '@grpc/grpc-js';

/** A real gRPC server on 127.0.0.1 that answers as a test tells it, by grpc-js. */
export interface GrpcPeer extends AsyncDisposable {
  readonly url: string;
  /** Breaks every connection. */
  drop(): void;
}

export interface PeerHandlers {
  readonly unary?: readonly UnaryHandler[];
  readonly duplex?: readonly DuplexHandler[];
}

interface UnaryHandler {
  readonly method: { readonly path: string };
  /** Gives the answer's bytes, a status to fail with, or undefined to stay silent. */
  answer(): Uint8Array | { code: number; details: string } | undefined;
}

interface DuplexHandler {
  readonly method: { readonly path: string };
  open(stream: grpc.ServerDuplexStream<Buffer, Buffer>): void;
}

export async function startGrpcPeer(handlers: PeerHandlers): Promise<GrpcPeer> {
  const server = new grpc.Server({ 'grpc.max_send_message_length': -1 });
  for (const { method, answer } of handlers.unary ?? []) {
    server.addService(definition(method.path, false), {
      call: (_call: unknown, callback: grpc.sendUnaryData<Buffer>) => {
        const reply = answer();
        if (reply === undefined) return;
        if (reply instanceof Uint8Array) callback(null, Buffer.from(reply));
        else callback(reply);
      },
    });
  }
  for (const { method, open } of handlers.duplex ?? []) {
    server.addService(definition(method.path, true), { call: open });
  }
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return {
    url: `http://127.0.0.1:${port}`,
    drop: () => server.forceShutdown(),
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
}

function definition(path: string, stream: boolean): grpc.ServiceDefinition {
  const asIs = (bytes: Buffer) => bytes;
  const serializers = {
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs,
  };
  return { call: { path, requestStream: stream, responseStream: stream, ...serializers } };
}
