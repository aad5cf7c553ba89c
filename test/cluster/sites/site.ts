/** What can be done to the packets of one member, below everything that the suite's own proxies can do. */
export interface SeatNetwork {
  /** As if its cable were pulled: no packet in or out, and nobody is told. */
  unplug(): Promise<void>;
  plug(): Promise<void>;
  /** Runs a command where only this member's network is seen, as `iptables`. @throws Error with what it said. */
  run(file: string, args: readonly string[]): Promise<void>;
}

/** Where one member runs. */
export interface Seat {
  /** The address at which it is reached, from the suite and from nowhere else. */
  readonly host: string;
  readonly running: boolean;
  /** Of etcd, as this machine counts; undefined: it does not run. */
  pid(): Promise<number | undefined>;
  /** Undefined: it shares the network of the suite. */
  readonly network: SeatNetwork | undefined;
  /** etcd with these arguments; resolves when it serves clients. `folder` is where it may write. */
  start(args: readonly string[], folder: string): Promise<void>;
  /** SIGKILL, waits until it is gone. */
  kill(): Promise<void>;
  /** It stands still, its sockets stay open. */
  pause(): Promise<void>;
  resume(): Promise<void>;
}

/** Where the members of one cluster run. */
export interface Site {
  /** The address at which members reach the suite. */
  readonly hub: string;
  readonly seats: readonly Seat[];
  /** Ends what is left of it. Members are dead by then. */
  close(): Promise<void>;
}

export const siteKinds = ['processes', 'namespaces', 'containers'] as const;
export type SiteKind = (typeof siteKinds)[number];

/** How many members there are. */
export const size = 3;
