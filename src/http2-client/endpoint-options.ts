/** What connections of our own to one endpoint are made of. */
export interface EndpointOptions {
  /** `host:port`, `[::1]:port`, or `unix:path`. */
  readonly address: string;
  /** Absent: plain text. */
  readonly tls?: TlsOptions | undefined;
}

/** PEM. */
export interface TlsOptions {
  /** Who may have signed the server's certificate. Default: the authorities that Node trusts. */
  readonly ca?: Uint8Array | string | undefined;
  /** The client's own certificate, with `key`. */
  readonly cert?: Uint8Array | string | undefined;
  readonly key?: Uint8Array | string | undefined;
}
