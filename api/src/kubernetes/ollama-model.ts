import { Type, type Static } from 'typebox';
import type { Immutable } from '../immutable.ts';
import { oneOf } from '../one-of.ts';
import { keepAliveBounds, maxAdapters } from '../wire/desired-state.ts';
import { Adapter, digestOfDownload, Draft, fileDigest, Projector, Source } from './model-files.ts';
import {
  Condition,
  keyedList,
  objectName,
  plainList,
  rules,
  stringMap,
  textLike,
  type ObjectMeta,
} from './schema.ts';

const Parameters = Type.Object(
  {
    contextSize: Type.Optional(
      Type.Integer({ minimum: 16, maximum: 1048576, description: 'num_ctx: context tokens per request.' }),
    ),
    maxTokens: Type.Optional(
      Type.Integer({ minimum: -2, maximum: 1048576, description: 'num_predict: most tokens to produce.' }),
    ),
    temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 10, description: 'temperature.' })),
    topK: Type.Optional(Type.Integer({ minimum: 0, maximum: 100000, description: 'top_k.' })),
    topP: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'top_p.' })),
    minP: Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: 'min_p.' })),
    seed: Type.Optional(Type.Integer({ description: 'seed.' })),
    repeatPenalty: Type.Optional(Type.Number({ minimum: 0, maximum: 10, description: 'repeat_penalty.' })),
    repeatLastN: Type.Optional(
      Type.Integer({ minimum: -1, maximum: 1048576, description: 'repeat_last_n.' }),
    ),
    presencePenalty: Type.Optional(
      Type.Number({ minimum: -2, maximum: 2, description: 'presence_penalty.' }),
    ),
    frequencyPenalty: Type.Optional(
      Type.Number({ minimum: -2, maximum: 2, description: 'frequency_penalty.' }),
    ),
    stop: Type.Optional(
      plainList(Type.String({ minLength: 1, maxLength: 256 }), {
        maxItems: 16,
        description: 'stop: texts at which an answer ends.',
      }),
    ),
  },
  { description: "Defaults of every request to the model, as Ollama's PARAMETER lines." },
);

/** What a person asks of a model. */
export const OllamaModelSpec = Type.Object(
  {
    clusterRef: Type.Object(
      { name: objectName({ description: 'Name of the OllamaCluster, in the same namespace.' }) },
      {
        description: 'The cluster that serves the model.',
        ...rules({
          rule: 'self.name == oldSelf.name',
          message: 'clusterRef cannot be changed: create another OllamaModel',
          fieldPath: '.name',
        }),
      },
    ),
    model: Type.Optional(
      textLike(
        '^[A-Za-z0-9][A-Za-z0-9._/-]*(:[A-Za-z0-9._-]+)?$',
        'model must be a name with at most one tag, such as llama3.2:3b',
        {
          maxLength: 256,
          description: 'Name that clients use, tag optional. Left out, the name of the object.',
        },
      ),
    ),
    source: Source,
    sha256: Type.Optional(fileDigest),
    replicas: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 2,
      description: 'Agents that hold the model, at most all. With two or more it survives the loss of one.',
    }),
    template: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 65536,
        description: "Chat template (Jinja) used instead of the file's own.",
      }),
    ),
    system: Type.Optional(Type.String({ maxLength: 65536, description: 'Default system message.' })),
    parameters: Type.Optional(Parameters),
    adapters: Type.Optional(
      plainList(Adapter, {
        maxItems: maxAdapters,
        description: 'LoRA adapters in GGUF that are applied to the model, all at once.',
      }),
    ),
    projector: Type.Optional(Projector),
    draft: Type.Optional(Draft),
    keepAliveSeconds: Type.Optional(
      Type.Integer({
        ...keepAliveBounds,
        description:
          'Seconds that it stays in memory while idle; -1: for ever, 0: not at all. Left out, inference.keepAliveSeconds of the cluster; what a request says counts before both.',
      }),
    ),
    preload: Type.Boolean({
      default: false,
      description: 'Load it into memory as soon as an agent has it, not with the first request.',
    }),
    priority: Type.Integer({
      minimum: -1000,
      maximum: 1000,
      default: 0,
      description: 'Models of lower priority leave the memory of an agent first.',
    }),
    nodeSelector: Type.Optional(
      stringMap({
        maxProperties: 32,
        description: 'Labels of nodes: only agents on such nodes hold the model.',
      }),
    ),
    deletionPolicy: oneOf(['Delete', 'Retain'], {
      default: 'Delete',
      description: 'Whether agents delete what they downloaded when the OllamaModel is deleted.',
    }),
  },
  {
    description: 'What is asked of the model.',
    ...rules(digestOfDownload, {
      rule: 'has(self.model) == has(oldSelf.model) && (!has(self.model) || self.model == oldSelf.model)',
      message: 'model cannot be changed: create another OllamaModel',
      fieldPath: '.model',
    }),
  },
);
export type OllamaModelSpec = Immutable<Static<typeof OllamaModelSpec>>;

export const modelPhases = [
  'Pending',
  'Downloading',
  'Verifying',
  'Ready',
  'Degraded',
  'Failed',
  'Deleting',
] as const;
export type ModelPhase = (typeof modelPhases)[number];

export const OllamaModelStatus = Type.Object(
  {
    observedGeneration: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Newest generation that the agents have been given.' }),
    ),
    phase: Type.Optional(oneOf(modelPhases, { description: 'The state in one word, for people.' })),
    conditions: Type.Optional(
      keyedList(Condition, ['type'], { maxItems: 32, description: 'Conditions of the model.' }),
    ),
    model: Type.Optional(
      Type.String({ maxLength: 512, description: 'Name that clients use, with its tag.' }),
    ),
    sha256: Type.Optional(
      Type.String({
        pattern: '^[0-9a-f]{64}$',
        maxLength: 64,
        description: 'SHA-256 of the file that agents serve.',
      }),
    ),
    adapters: Type.Optional(
      plainList(Type.String({ pattern: '^[0-9a-f]{64}$', maxLength: 64 }), {
        maxItems: maxAdapters,
        description: 'SHA-256 of the adapters that agents serve it with.',
      }),
    ),
    sizeBytes: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'Size of the file, its adapters, its projector and its draft model together.',
      }),
    ),
    desiredReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Agents that are to hold it.' })),
    readyReplicas: Type.Optional(Type.Integer({ minimum: 0, description: 'Agents that can serve it.' })),
    progressPercent: Type.Optional(
      Type.Integer({ minimum: 0, maximum: 100, description: 'Share of all bytes that have arrived.' }),
    ),
    agents: Type.Optional(
      keyedList(
        Type.Object(
          {
            name: Type.String({ maxLength: 253, description: 'Name of the agent.' }),
            state: oneOf(['Pending', 'Downloading', 'Verifying', 'Ready', 'Failed', 'Unknown'], {
              description: 'State of the file there.',
            }),
            progressPercent: Type.Optional(
              Type.Integer({
                minimum: 0,
                maximum: 100,
                description: 'Share of its bytes that have arrived.',
              }),
            ),
            loaded: Type.Optional(Type.Boolean({ description: 'Whether it is in memory.' })),
            message: Type.Optional(Type.String({ maxLength: 1024, description: 'What went wrong.' })),
          },
          { description: 'The model on one agent.' },
        ),
        ['name'],
        { maxItems: 100, description: 'Agents that hold it or are about to.' },
      ),
    ),
    lastError: Type.Optional(
      Type.String({ maxLength: 4096, description: 'What went wrong last, in a sentence.' }),
    ),
  },
  { description: 'What is.' },
);
export type OllamaModelStatus = Immutable<Static<typeof OllamaModelStatus>>;

/** A model that a cluster of agents serves. */
export interface OllamaModel {
  readonly apiVersion: string;
  readonly kind: 'OllamaModel';
  readonly metadata: ObjectMeta;
  readonly spec: OllamaModelSpec;
  readonly status?: OllamaModelStatus;
}
