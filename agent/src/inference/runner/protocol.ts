import type {
  ChatMessage,
  ErrorCode,
  InferenceRequest,
  Think,
  TokenLogprob,
  ToolCall,
  ToolChoice,
  ToolDefinition,
} from '@ollamamax/api';
import type { LoadedBackend } from '../devices/loaded-backend.ts';

/** What the agent and a runner process say to each other over the IPC channel (advanced serialization). */

export type GpuChoice = 'auto' | 'cuda' | 'vulkan' | 'metal' | false;

/** Room for states of conversations that have no sequence: what is left of them is not computed again. */
export interface StateRoom {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** For this runner only, and removed when it has ended; undefined: nothing is kept on disk. */
  readonly folder: string | undefined;
}

/** How a model is brought into memory; a change of any of these needs another runner process. */
export interface LoadSpec {
  readonly path: string;
  /** LoRA adapters that are applied to it, for all requests alike. */
  readonly adapters: readonly { readonly path: string; readonly scale: number }[];
  /** Context tokens per request. */
  readonly contextSize: number;
  /** Requests worked on at a time. */
  readonly parallel: number;
  /** Whether tokens are guessed where that is faster. */
  readonly speculation: boolean;
  /** A smaller model of the same vocabulary, which guesses them; undefined: only what was said before is guessed. */
  readonly draft?: { readonly path: string; readonly threads: number };
  /** CPU threads of a step, of which a very small model has no use for more than one. */
  readonly threads: number;
  /** Of batches that are long whatever the model: for embeddings and ranks. */
  readonly batchThreads: number;
  readonly gpu: GpuChoice;
  /** Blocks on GPUs, one more than the model has: its output too; undefined: as node-llama-cpp finds best. */
  readonly gpuLayers?: number;
  /** Image projector of the model, and the llama-server that computes both; undefined: a model without images. */
  readonly vision: { readonly program: string; readonly projector: string } | undefined;
  /** Given when the runner starts, by what memory there is then. */
  readonly states?: StateRoom;
}

/** Sampling settings with every default filled in. */
export interface ResolvedSampling {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  /** 1 is off. */
  readonly typicalP: number;
  /** Version; 0 is off. It takes the place of the filters above. */
  readonly mirostat: number;
  readonly mirostatTau: number;
  readonly mirostatEta: number;
  /** Unsigned 32 bits. */
  readonly seed: number;
  readonly repeatPenalty: number;
  /** Tokens looked back at; −1 the whole context. */
  readonly repeatLastN: number;
  readonly presencePenalty: number;
  readonly frequencyPenalty: number;
  /** Added to logits, by token. */
  readonly logitBias: Readonly<Record<string, number>>;
  readonly stop: readonly string[];
  /** Undefined: until the model ends or the context is full. */
  readonly maxTokens: number | undefined;
  /** Log probabilities are wanted, with so many alternatives. */
  readonly topLogprobs: number | undefined;
}

/** A conversation, and how it becomes a prompt. */
export interface ChatInput {
  readonly messages: readonly ChatMessage[];
  readonly tools: readonly ToolDefinition[];
  /** Jinja template used instead of the file's own. */
  readonly template: string | undefined;
  readonly think: Think | undefined;
}

export type JobInput =
  | (ChatInput & {
      readonly kind: 'chat';
      readonly toolChoice: ToolChoice;
      readonly parallelToolCalls: boolean;
      /** What a model without any chat template continues instead; undefined: such a model cannot do this. */
      readonly plain: string | undefined;
      /** Tokens of an earlier exchange that this one goes on from. */
      readonly context: readonly number[];
    })
  | {
      readonly kind: 'raw';
      readonly prompt: string | readonly number[];
      /** Base64; they come before the prompt. */
      readonly images?: readonly string[];
    }
  | { readonly kind: 'infill'; readonly prefix: string; readonly suffix: string }
  | Extract<InferenceInput, { kind: SideKind }>
  | (ChatInput & { readonly kind: 'render' });

type InferenceInput = InferenceRequest['input'];
/** What is answered at once, without tokens one by one. */
type SideKind = 'embed' | 'rerank' | 'tokenize' | 'detokenize';

export interface Job {
  readonly input: JobInput;
  readonly sampling: ResolvedSampling;
  /** GBNF that the answer follows; undefined: free. */
  readonly grammar: string | undefined;
  /** What the answer will probably be; undefined: nobody knows. */
  readonly prediction?: string | undefined;
  /** Whether the answer is complete as soon as one JSON value is: grammars allow white space behind it. */
  readonly endsWithJson: boolean;
  /** False: a prompt that is too long is an error; else its oldest part goes. */
  readonly truncate: boolean;
  /** Tokens of the beginning that stay when the context is full and its oldest part makes room; -1: the prompt; undefined: the answer ends then. */
  readonly keepOnShift: number | undefined;
  /** Whose request it is. */
  readonly tenant: string;
  /** Whether `done` carries the tokens of prompt and answer. */
  readonly wantsContext: boolean;
  /** UTF-16 units the runner may send before the agent acknowledges them; then generation pauses. */
  readonly creditWindow: number;
  readonly renderTimeoutMs: number;
}

export type ToRunner =
  /** Asks a runner that has no model for the devices that it finds. */
  | { readonly type: 'devices' }
  | { readonly type: 'load'; readonly spec: LoadSpec }
  | { readonly type: 'start'; readonly id: number; readonly job: Job }
  | { readonly type: 'ack'; readonly id: number; readonly units: number }
  | { readonly type: 'cancel'; readonly id: number }
  | { readonly type: 'stop' };

export interface JobUsage {
  readonly promptTokens: number;
  readonly cachedPromptTokens: number;
  readonly completionTokens: number;
  /** Those of them that the model thought with; undefined: it does not think aloud. */
  readonly thinkingTokens?: number;
  /** Tokens of the answer that were computed in advance, rightly or in vain; undefined: none. */
  readonly guesses?: { readonly right: number; readonly wrong: number };
  readonly promptNs: number;
  readonly evalNs: number;
}

/** What happens to one job; `done`, `failed` and `cancelled` are the last and mean that its slot is free. */
export type JobEvent =
  | {
      readonly kind: 'text';
      readonly id: number;
      readonly text: string;
      readonly tokens: number;
      readonly logprobs?: readonly TokenLogprob[];
    }
  | { readonly kind: 'thinking'; readonly id: number; readonly text: string; readonly tokens: number }
  | { readonly kind: 'tool_calls'; readonly id: number; readonly calls: readonly ToolCall[] }
  | {
      readonly kind: 'done';
      readonly id: number;
      readonly reason: 'stop' | 'length' | 'tool_calls';
      readonly usage: JobUsage;
      readonly context?: readonly number[];
      readonly stopSequence?: string;
    }
  | { readonly kind: 'embeddings'; readonly id: number; readonly embeddings: readonly (readonly number[])[] }
  | { readonly kind: 'scores'; readonly id: number; readonly scores: readonly number[] }
  | { readonly kind: 'tokens'; readonly id: number; readonly tokens: readonly number[] }
  | { readonly kind: 'failed'; readonly id: number; readonly code: ErrorCode; readonly message: string }
  | { readonly kind: 'cancelled'; readonly id: number };

export type FromRunner =
  | { readonly type: 'devices'; readonly backend: LoadedBackend | undefined }
  /** Which part of the model has been loaded, from 0 to 1. */
  | { readonly type: 'loading'; readonly share: number }
  | { readonly type: 'loaded'; readonly residentBytes: number }
  | { readonly type: 'load_failed'; readonly code: ErrorCode; readonly message: string }
  /** Everything that happened in one turn of the runner's event loop. */
  | { readonly type: 'events'; readonly events: readonly JobEvent[] }
  | {
      readonly type: 'heartbeat';
      readonly residentBytes: number;
      /** Of them, states of conversations that have no sequence; none when left out. */
      readonly stateBytes?: number;
      /** Changes whenever a token is computed, prompt tokens included. */
      readonly progress: number;
    };
