/** What a process with very many handles is asked to do on the store at `url`. */
export type CrowdJob =
  | {
      /** Takes `count` locks of different names and holds them. */
      readonly type: 'hold';
      readonly url: string;
      readonly count: number;
    }
  | {
      /** Has `count` callers wait for one lock, and hands it over `handOvers` times. */
      readonly type: 'wait';
      readonly url: string;
      readonly count: number;
      /** On so many leases, so that there are as many places as callers; 0: on the one that the process has. */
      readonly sessions: number;
      readonly handOvers: number;
    };

export interface HoldResult {
  readonly bytesPerLock: number;
  /** Of one core, over some seconds in which nothing happens. */
  readonly idleCpuPercent: number;
  readonly locksPerSecond: number;
  readonly leases: number;
  readonly keepAliveStreams: number;
  /** Acquire and release of one lock more, before and while the others were held; medians. */
  readonly cycleBeforeMs: number;
  readonly cycleWhileMs: number;
}

export interface WaitResult {
  readonly handOversMs: readonly number[];
  readonly bytesPerWaiter: number;
  /** Of the callers that share a lease. */
  readonly crowd: CrowdFacts | undefined;
}

export interface CrowdFacts {
  /** In the line, after the hand-overs: of the holder and of all who wait. */
  readonly places: number;
  /** Callers that had their turn before one who had asked earlier. */
  readonly outOfTurn: number;
  /** Turns of the crowd, that of the holder too, before another process that came then had its own. */
  readonly turnsBeforeOther: number;
}
