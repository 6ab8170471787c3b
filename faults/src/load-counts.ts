/** What a load came to. */
export interface LoadCounts {
  requests: number;
  /** Saves, logins, logouts and touches that resolved. */
  acknowledged: number;
  /** By code. */
  readonly errors: Record<string, number>;
  /** By the driver's code. */
  readonly causes: Record<string, number>;
  /** Loads and saves that found a session gone which nobody had ended. */
  missed: number;
  /** Acknowledged saves that the worker's next read did not show: a load's `staleReads` have the evidence. */
  stale: number;
  /** Saves that brought a session back after its logout was acknowledged. */
  revived: number;
  /** Calls that were not settled in time. */
  hung: number;
  /** Milliseconds of the slowest call. */
  slowest: number;
}

export function noCounts(): LoadCounts {
  return { requests: 0, acknowledged: 0, errors: {}, causes: {}, missed: 0, stale: 0, revived: 0, hung: 0, slowest: 0 };
}
