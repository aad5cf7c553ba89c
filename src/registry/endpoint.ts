/** Where an address leads: a host and port, or the path of a Unix socket. */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

/** Undefined for what a foreign entry may say and nobody can connect to. `[::1]:80` has the host `::1`. */
export function endpointOf(address: string): Endpoint | undefined {
  const [, path] = /^unix:(?:\/\/)?(.+)$/.exec(address) ?? [];
  if (path !== undefined) return { path };
  const [, host, port] =
    /^(?:[a-z][a-z0-9+.-]*:\/\/)?(\[[^\]]+\]|[^\s/:[\]?#@]+):(\d{1,5})(?:[/?].*)?$/i.exec(address) ?? [];
  if (host === undefined || Number(port) < 1 || Number(port) > 65_535) return undefined;
  return { host: host.replace(/^\[|\]$/g, ''), port: Number(port) };
}
