/** What one of many processes that follow flags is asked to do. */
export type FlagsJob =
  | {
      /** Follows the flags, and two keys beside them by bare watches: one of ours, one of npm etcd3's. */
      readonly type: 'join';
      readonly url: string;
      /** Whether the flag is evaluated through OpenFeature, or by what the provider does it with. */
      readonly openFeature: boolean;
    }
  | {
      /** Answers as soon as it has seen `value`, of the flag or of a key beside. */
      readonly type: 'see';
      readonly what: Watched;
      readonly value: string;
    }
  | {
      /** Takes so many flags into its memory. */
      readonly type: 'hold';
      readonly how: 'conclave' | 'flagd-core';
      readonly url: string;
      readonly count: number;
    };

export type Watched = 'flag' | BareKey;

export type BareKey = 'bare key' | 'bare key of etcd3';

export interface SeeResult {
  /** By CLOCK_MONOTONIC, which all processes of a machine share. */
  readonly atMs: number;
}

export interface HoldFlagsResult {
  readonly bytesPerFlag: number;
}

/** Where the rows' flags are, so that they disturb no other row. */
export const namespace = 'bench-flags/';

/** The flag that is changed, and the keys that are written for the bare watches. */
export const changedFlag = 'flag-0';
export const bareKeys: Readonly<Record<BareKey, string>> = {
  'bare key': 'bench/bare-flag',
  'bare key of etcd3': 'bench/bare-flag-of-etcd3',
};
