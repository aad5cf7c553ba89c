import { X509Certificate } from 'node:crypto';
import { H2Channel } from '../channels/h2-channel.js';
import { parseTarget } from '../connect/target.js';
import type { UpstreamServerOptions } from '../server/upstream/upstream-server.js';
import { tls } from './connection.js';
import { CliFailure, ExitCode } from './exit-code.js';
import type { GlobalFlags } from './global-flags.js';

export interface UpstreamFlags extends GlobalFlags {
  readonly insecureUpstreamUser?: boolean;
}

/** The members of the cluster that `serve --upstream` stands in front of, and the ways to them; sends nothing. */
export function upstreamOf(
  text: string,
  flags: UpstreamFlags,
): Pick<UpstreamServerOptions, 'upstream' | 'upstreamTls' | 'channels'> {
  const target = parseTarget(text);
  if (target.type !== 'endpoints') throw new CliFailure(ExitCode.invalidInput, `--upstream ${text}: no etcd cluster`);
  const secured = target.secure ? tls(flags) : undefined;
  if (secured?.cert !== undefined && !flags.insecureUpstreamUser) checkNamesNobody(secured.cert);
  const scheme = target.secure ? 'https' : 'http';
  return {
    upstream: target.endpoints.map((address) => `${scheme}://${address}`),
    upstreamTls: secured,
    channels: target.endpoints.map((address) => new H2Channel({ address, tls: secured })),
  };
}

/**
 * A cluster that takes certificates' common names for users would take every caller without a token for that one.
 * etcd's own grpc-proxy refuses such certificates too.
 */
function checkNamesNobody(cert: Uint8Array | string): void {
  const [, name] = /^CN=(.*)$/m.exec(new X509Certificate(cert).subject ?? '') ?? [];
  if (name === undefined) return;
  const risk = `--cert names ${name}: a cluster may take every caller without a token for that user`;
  const hint = 'use a certificate without a common name, or insist with --insecure-upstream-user';
  throw new CliFailure(ExitCode.invalidInput, `${risk}; ${hint}`);
}
