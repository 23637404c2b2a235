import { Type, type Static } from 'typebox';
import type { Immutable } from '../immutable.ts';
import { oneOf } from '../one-of.ts';
import { keepAliveBounds, maxAdapters } from '../wire/desired-state.ts';
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

const filePath = (description: string) => Type.String({ minLength: 1, maxLength: 4096, description });

/** Kinds of source, in the order in which they are documented. */
export const modelSourceKinds = ['file', 'pvc', 'http', 'ollama', 'huggingFace', 'oci'] as const;
export type ModelSourceKind = (typeof modelSourceKinds)[number];

/** Those that agents can use today; the others are accepted and report `SourceNotSupportedYet`. */
export const supportedModelSources: ReadonlySet<ModelSourceKind> = new Set(['file', 'pvc', 'http']);

const exactlyOneOf = (kinds: readonly string[]): string =>
  `[${kinds.map((kind) => `has(self.${kind})`).join(', ')}].filter(given, given).size() == 1`;

const fileDigest = textLike(
  '^[0-9a-f]{64}$',
  'sha256 must be 64 lower-case hexadecimal digits, without "sha256:" before',
  {
    maxLength: 128,
    description:
      'SHA-256 of the file, 64 lower-case hexadecimal digits. Without it the file is taken as it is.',
  },
);

/** Sources from which agents get a file of any kind. */
const fileSources = {
  file: Type.Optional(
    Type.Object(
      {
        path: filePath('Absolute path of a GGUF file in the pods, from their image or a volume of spec.pod.'),
      },
      {
        description: 'A file that every agent already has.',
        ...rules({
          rule: 'self.path.startsWith("/") && !self.path.contains("/../") && !self.path.endsWith("/..")',
          message: 'file.path must be an absolute path without ".."',
          fieldPath: '.path',
        }),
      },
    ),
  ),
  pvc: Type.Optional(
    Type.Object(
      {
        claimName: objectName({ description: 'PersistentVolumeClaim in the same namespace.' }),
        path: filePath('Path of a GGUF file on it, from its root.'),
      },
      {
        description:
          'A file on a volume that all agents mount to read. Agents restart one by one when the first model names a claim.',
        ...rules({
          rule: '!self.path.startsWith("/") && self.path.split("/").all(part, part != ".." && part != "")',
          message: 'pvc.path must be relative to the root of the volume, without ".." and empty parts',
          fieldPath: '.path',
        }),
      },
    ),
  ),
  http: Type.Optional(
    Type.Object(
      {
        url: textLike(
          '^https?://[^\\s/]+\\S*$',
          'http.url must begin with http:// or https:// and a host, and have no spaces',
          {
            maxLength: 4096,
            description: 'Where agents download it; resumed after an interruption. Needs sha256.',
          },
        ),
      },
      { description: 'A file behind a URL.' },
    ),
  ),
};

const Source = Type.Object(
  {
    ...fileSources,
    ollama: Type.Optional(
      Type.Object(
        {
          name: Type.String({
            minLength: 1,
            maxLength: 512,
            description: 'Name in an Ollama registry, for example `llama3.2:3b`.',
          }),
        },
        { description: 'A model of an Ollama registry. Not supported yet.' },
      ),
    ),
    huggingFace: Type.Optional(
      Type.Object(
        {
          repository: textLike(
            '^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$',
            'huggingFace.repository must be an owner and a name, such as owner/name',
            { maxLength: 256, description: 'Repository, `owner/name`.' },
          ),
          file: filePath('File in it.'),
          revision: Type.String({
            minLength: 1,
            maxLength: 128,
            default: 'main',
            description: 'Branch, tag or commit.',
          }),
        },
        { description: 'A file of a Hugging Face repository. Not supported yet.' },
      ),
    ),
    oci: Type.Optional(
      Type.Object(
        {
          reference: Type.String({
            minLength: 3,
            maxLength: 512,
            description: 'Reference of the artifact, `registry/name:tag` or `@sha256:…`.',
          }),
        },
        { description: 'An OCI artifact. Not supported yet.' },
      ),
    ),
  },
  {
    description: 'Where the model comes from: exactly one of these.',
    ...rules({
      rule: exactlyOneOf(modelSourceKinds),
      message: `exactly one source is needed: ${modelSourceKinds.join(', ')}`,
    }),
  },
);
export type OllamaModelSource = Immutable<Static<typeof Source>>;

const fileSourceKinds = Object.keys(fileSources);

/** Of a file beside that of the model. */
const FileSource = (description: string) =>
  Type.Object(fileSources, {
    description,
    ...rules({
      rule: exactlyOneOf(fileSourceKinds),
      message: `exactly one source is needed: ${fileSourceKinds.join(', ')}`,
    }),
  });

const digestOfDownload = {
  rule: '!has(self.source.http) || has(self.sha256)',
  message: 'sha256 is needed for a source of kind http',
  fieldPath: '.sha256',
};

const Adapter = Type.Object(
  {
    source: FileSource('Where the adapter comes from: exactly one of these.'),
    sha256: Type.Optional(fileDigest),
    scale: Type.Optional(
      Type.Number({
        minimum: -100,
        maximum: 100,
        description: 'How strongly it is applied: 1, which is usual, as it was trained; 0 not at all.',
      }),
    ),
  },
  {
    description: 'A LoRA adapter that was made for the model.',
    ...rules(digestOfDownload),
  },
);

const Projector = Type.Object(
  {
    source: FileSource('Where the projector comes from: exactly one of these.'),
    sha256: Type.Optional(fileDigest),
  },
  {
    description:
      'The image projector of the model, a GGUF file of its own, mostly named mmproj. Images need llama-server in the pods, which the image of the project does not have.',
    ...rules(digestOfDownload),
  },
);

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
      Type.Integer({ minimum: 0, description: 'Size of the file, its adapters and its projector together.' }),
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
