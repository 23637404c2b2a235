import type { ChatMessage, ErrorCode, ToolCall, ToolDefinition } from '@ollamamax/api';

/** What the agent and a runner process say to each other over the IPC channel (advanced serialization). */

export type GpuChoice = 'auto' | 'cuda' | 'vulkan' | 'metal' | false;

/** How a model is brought into memory; a change of any of these needs another runner process. */
export interface LoadSpec {
  readonly path: string;
  /** Context tokens per request. */
  readonly contextSize: number;
  /** Requests worked on at a time. */
  readonly parallel: number;
  readonly threads: number;
  readonly gpu: GpuChoice;
}

/** Sampling settings with every default filled in. */
export interface ResolvedSampling {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  /** Unsigned 32 bits. */
  readonly seed: number;
  readonly repeatPenalty: number;
  /** Tokens looked back at; −1 the whole context. */
  readonly repeatLastN: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  readonly stop: readonly string[];
  /** Undefined: until the model ends or the context is full. */
  readonly maxTokens: number | undefined;
}

export type JobInput =
  | {
      readonly kind: 'chat';
      readonly messages: readonly ChatMessage[];
      readonly tools: readonly ToolDefinition[];
      /** Jinja template used instead of the file's own. */
      readonly template: string | undefined;
      /** What a model without any chat template continues instead; undefined: such a model cannot do this. */
      readonly plain: string | undefined;
    }
  | { readonly kind: 'raw'; readonly prompt: string };

/** A schema of the subset that the grammar generator understands; see json-schema.ts. */
export type GrammarSchema = Readonly<Record<string, unknown>>;

export type JobFormat =
  { readonly type: 'json' } | { readonly type: 'json_schema'; readonly schema: GrammarSchema };

export interface Job {
  readonly input: JobInput;
  readonly sampling: ResolvedSampling;
  readonly format: JobFormat | undefined;
  /** UTF-16 units the runner may send before the agent acknowledges them; then generation pauses. */
  readonly creditWindow: number;
  readonly renderTimeoutMs: number;
}

export type ToRunner =
  | { readonly type: 'load'; readonly spec: LoadSpec }
  | { readonly type: 'start'; readonly id: number; readonly job: Job }
  | { readonly type: 'ack'; readonly id: number; readonly units: number }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'stop' };

export interface JobUsage {
  readonly promptTokens: number;
  readonly cachedPromptTokens: number;
  readonly completionTokens: number;
  readonly promptNs: number;
  readonly evalNs: number;
}

/** What happens to one job; `done`, `failed` and `cancelled` are the last and mean that its slot is free. */
export type JobEvent =
  | { readonly kind: 'text'; readonly id: number; readonly text: string; readonly tokens: number }
  | { readonly kind: 'tool_calls'; readonly id: number; readonly calls: readonly ToolCall[] }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly reason: 'stop' | 'length' | 'tool_calls';
      readonly usage: JobUsage;
    }
  | { readonly kind: 'failed'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'cancelled'; readonly id: number };

export type FromRunner =
  | { readonly type: 'loaded'; readonly residentBytes: number }
  | { readonly type: 'load_failed'; readonly code: ErrorCode; readonly message: string }
  /** Everything that happened in one turn of the runner's event loop. */
  | { readonly type: 'events'; readonly events: readonly JobEvent[] }
  | {
      readonly type: 'heartbeat';
      readonly residentBytes: number;
      /** Changes whenever a token is computed, prompt tokens included. */
      readonly progress: number;
    };
