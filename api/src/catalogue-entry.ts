/** One thing that can go wrong. */
export interface CatalogueEntry {
  /** HTTP status this error is answered with. */
  readonly status: number;
  /** What it means, one sentence without request-specific facts. */
  readonly summary: string;
  /** What the reader can do next, one imperative sentence. */
  readonly action: string;
  /** Whether the same request may succeed later without a change by the caller. */
  readonly retryable: boolean;
}
