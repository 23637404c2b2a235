import type { TemplateRenderer } from './chat-template.ts';
import type { Credit } from './credit.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { Job, JobEvent } from './protocol.ts';

/** One request on a loaded model, and where what happens to it is told. */
export interface JobContext {
  readonly id: number;
  readonly job: Job;
  readonly model: LoadedModel;
  readonly renderer: TemplateRenderer;
  readonly credit: Credit;
  readonly signal: AbortSignal;
  readonly emit: (event: JobEvent) => void;
  /** Tokens have been computed. */
  readonly progress: (tokens: number) => void;
}
