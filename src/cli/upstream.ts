import type { SecureContextOptions } from 'node:tls';
import { GrpcChannel, type TlsOptions } from '../channels/grpc-channel.js';
import { parseTarget } from '../connect/target.js';
import type { UpstreamServerOptions } from '../server/upstream/upstream-server.js';
import { tls } from './connection.js';
import { CliFailure, ExitCode } from './exit-code.js';
import type { GlobalFlags } from './global-flags.js';

/** The members of the cluster that `serve --upstream` stands in front of, and the ways to them; sends nothing. */
export function upstreamOf(
  text: string,
  flags: GlobalFlags,
): Pick<UpstreamServerOptions, 'upstream' | 'tls' | 'channels'> {
  const target = parseTarget(text);
  if (target.type !== 'endpoints') throw new CliFailure(ExitCode.invalidInput, `--upstream ${text}: no etcd cluster`);
  const secured = target.secure ? tls(flags) : undefined;
  const scheme = target.secure ? 'https' : 'http';
  return {
    upstream: target.endpoints.map((address) => `${scheme}://${address}`),
    tls: secured && secureContext(secured),
    channels: target.endpoints.map((address) => new GrpcChannel({ address, tls: secured })),
  };
}

/** The same for Node, which takes no absent options. */
function secureContext({ ca, cert, key }: TlsOptions): SecureContextOptions {
  return {
    ...(ca && { ca: Buffer.from(ca) }),
    ...(cert && { cert: Buffer.from(cert) }),
    ...(key && { key: Buffer.from(key) }),
  };
}
