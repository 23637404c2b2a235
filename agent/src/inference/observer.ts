/**
 * What a metrics registry may want to know, told by the engine as it happens. Durations in seconds. Every hook
 * is optional, is called synchronously and must not throw.
 */
export interface EngineObserver {
  /** A request left the queue, with how long it waited (loading included). */
  dequeued?(model: string, waitSeconds: number): void;
  /** First text or tool call of a request, from when the engine was asked. */
  firstToken?(model: string, seconds: number): void;
  /** Tokens that arrived from the runner, with the time since the batch before. */
  tokens?(model: string, count: number, secondsSinceLast: number): void;
  finished?(model: string, outcome: string, promptTokens: number, completionTokens: number): void;
  /** Tokens of a finished request that were computed in advance, rightly or in vain. */
  guessed?(model: string, right: number, wrong: number): void;
  loaded?(model: string, seconds: number): void;
  loadFailed?(model: string, code: string): void;
  unloaded?(model: string): void;
  /** A runner ended that should not have. */
  crashed?(model: string, restarts: number): void;
}
