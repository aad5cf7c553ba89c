/** What a process that discovers a service is asked to do. */
export type RegistryJob =
  | {
      /** Discovers the service once, from a connection that stands; what that took. */
      readonly type: 'discover';
      readonly how: Discoverer;
      readonly url: string;
    }
  | {
      /** Discovers the service of each of the two, and stays. */
      readonly type: 'join';
      readonly url: string;
    }
  | {
      /** Answers as soon as the list of `how` has the instance that says `note`. */
      readonly type: 'see';
      readonly how: Discoverer;
      readonly note: string;
    }
  /** What the process has used of its CPU so far. */
  | { readonly type: 'cpu' };

/** `npm etcd3`: used plainly, a watch and `getAll()` into a map. */
export type Discoverer = 'conclave' | 'npm etcd3';

export interface DiscoverResult {
  readonly readyMs: number;
  readonly cpuMs: number;
  readonly bytesPerInstance: number;
}

export interface SeeResult {
  /** By CLOCK_MONOTONIC, which all processes of a machine share. */
  readonly atMs: number;
}

export interface CpuResult {
  readonly cpuMs: number;
}
