import { connect as connectHttp2 } from 'node:http2';
import { expect, it } from 'vitest';
import { EngineHost } from '../../src/engine/engine-host.js';
import { NodeRuntime } from '../../src/node/node-runtime.js';
import { GrpcServer } from '../../src/server/grpc/grpc-server.js';
import { defaultLimits } from '../../src/server/grpc/limits.js';
import { NodeHttp2 } from '../../src/server/http2-node/node-http2.js';
import { Listener } from '../../src/server/net/listener.js';
import { readTlsFiles } from '../../src/server/net/tls-files.js';
import { createService } from '../../src/server/service.js';
import { grpcFrame } from '../../src/wire/grpc-frame.js';
import { kvMethods } from '../../src/wire/methods.js';
import { makeCertificates } from '../support/certificates.js';
import { readAnswer } from './support/raw-client.js';

it('a handler hears the common name of a certificate that was verified, and of no other', async () => {
  using certificates = makeCertificates();
  const runtime = new NodeRuntime();
  const host = new EngineHost(runtime);
  const inner = createService(host, { runtime });
  const names: (string | undefined)[] = [];
  const service = {
    hasService: (name: string) => inner.hasService(name),
    duplex: (path: string) => inner.duplex(path),
    unary: (path: string) => {
      const handler = inner.unary(path);
      if (handler === undefined) return undefined;
      const handle: typeof handler.handle = (request, context) => {
        names.push(context.peer?.certificateName);
        return handler.handle(request, context);
      };
      return { method: handler.method, handle };
    },
  };
  const grpc = new GrpcServer({
    runtime,
    limits: defaultLimits,
    service,
    report: () => {},
    http2: new NodeHttp2(defaultLimits),
  });
  const files = { certFile: certificates.file('server.crt'), keyFile: certificates.file('server.key') };
  const ca = certificates.text('ca.crt');
  const tls = { ...readTlsFiles(files), ca, requireClientCert: false };
  const listener = new Listener(runtime, defaultLimits, { http2: grpc }, tls);
  const port = await listener.listen({ host: '127.0.0.1', port: 0 });
  const own = { cert: certificates.text('client.crt'), key: certificates.text('client.key') };
  for (const given of [own, {}]) {
    const session = connectHttp2(`https://127.0.0.1:${port}`, { ca, ...given });
    const headers = { ':method': 'POST', ':path': kvMethods.range.path, 'content-type': 'application/grpc' };
    const stream = session.request(headers);
    stream.end(grpcFrame(kvMethods.range.request.encode({ key: Buffer.from('a') })));
    expect(await readAnswer(stream)).toMatchObject({ status: '0' });
    session.destroy();
  }
  expect(names).toEqual(['client', undefined]);
  listener.stop();
  await grpc.close();
  host.close();
});
