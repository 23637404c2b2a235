import { Type, type Static } from 'typebox';

const sha256 = Type.String({
  pattern: '^[0-9a-f]{64}$',
  description: 'SHA-256 of the whole file, 64 lower-case hexadecimal digits.',
});

/** Ids of agents, as DNS has names of pods. */
export const agentIdPattern = '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$';

export const ModelSource = Type.Union([
  Type.Object(
    {
      file: Type.String({
        minLength: 1,
        maxLength: 4096,
        description: 'Path of a GGUF file on the agent; used in place.',
      }),
    },
    { additionalProperties: false },
  ),
  Type.Object(
    {
      http: Type.String({
        pattern: '^https?://',
        maxLength: 4096,
        description: 'URL of a GGUF file; downloaded resumably and verified. Needs sha256.',
      }),
    },
    { additionalProperties: false },
  ),
]);
export type ModelSource = Static<typeof ModelSource>;

/** Adapters of one model at most. */
export const maxAdapters = 8;

/** Bounds of what a model says of its own: for ever, and a year. */
export const keepAliveBounds = { minimum: -1, maximum: 31536000 } as const;

/** A LoRA adapter: small weights that are added to those of the model while it computes. */
export const AdapterSpec = Type.Object(
  {
    source: ModelSource,
    sha256: Type.Optional(sha256),
    scale: Type.Optional(
      Type.Number({
        minimum: -100,
        maximum: 100,
        description: 'How strongly it is applied: 1, which is usual, as it was trained; 0 not at all.',
      }),
    ),
  },
  { additionalProperties: false, description: 'A LoRA adapter in GGUF, made for this model.' },
);
export type AdapterSpec = Static<typeof AdapterSpec>;

/** What makes images into something that a model reads. */
export const ProjectorSpec = Type.Object(
  { source: ModelSource, sha256: Type.Optional(sha256) },
  {
    additionalProperties: false,
    description:
      'The image projector of the model, a GGUF file of its own, mostly named mmproj. Images need inference.llamaServer on the agent.',
  },
);
export type ProjectorSpec = Static<typeof ProjectorSpec>;

/** A model that guesses for another one. */
export const DraftSpec = Type.Object(
  { source: ModelSource, sha256: Type.Optional(sha256) },
  {
    additionalProperties: false,
    description:
      'A smaller model of the same vocabulary that guesses what this one says. What comes true is computed faster; answers stay the same.',
  },
);
export type DraftSpec = Static<typeof DraftSpec>;

/** Values of Ollama's `PARAMETER` lines that become defaults of every request. */
export const ModelParameters = Type.Record(
  Type.String(),
  Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Array(Type.String())]),
);

export const ModelSpec = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 512,
      description: 'Name clients use, tag optional (default latest).',
    }),
    source: ModelSource,
    sha256: Type.Optional(sha256),
    replicas: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1000,
        default: 3,
        description: 'Agents that hold the model, at most all.',
      }),
    ),
    preload: Type.Optional(
      Type.Boolean({ default: false, description: 'Load into memory as soon as the file is ready.' }),
    ),
    keepAliveSeconds: Type.Optional(
      Type.Integer({
        ...keepAliveBounds,
        description:
          'Seconds it stays loaded while idle; -1: for ever, 0: not at all. Left out, settings.keepAliveSeconds; what a request says counts before both.',
      }),
    ),
    system: Type.Optional(Type.String({ maxLength: 65536, description: 'Default system message.' })),
    template: Type.Optional(
      Type.String({ maxLength: 65536, description: "Jinja chat template used instead of the file's own." }),
    ),
    parameters: Type.Optional(ModelParameters),
    adapters: Type.Optional(
      Type.Array(AdapterSpec, {
        maxItems: maxAdapters,
        description: 'LoRA adapters that are applied to the model, all at once.',
      }),
    ),
    projector: Type.Optional(ProjectorSpec),
    draft: Type.Optional(DraftSpec),
    agents: Type.Optional(
      Type.Array(Type.String({ pattern: agentIdPattern, description: 'Id of an agent.' }), {
        maxItems: 1000,
        description: 'Agents that may hold the model; left out: all, empty: none.',
      }),
    ),
    priority: Type.Optional(
      Type.Integer({
        minimum: -1000,
        maximum: 1000,
        default: 0,
        description: 'Models of lower priority leave the memory of an agent first.',
      }),
    ),
    keepFiles: Type.Optional(
      Type.Boolean({
        default: false,
        description: 'Keep what was downloaded when the model is removed from the desired state.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ModelSpec = Static<typeof ModelSpec>;

export const ClusterSettings = Type.Object(
  {
    keepAliveSeconds: Type.Optional(
      Type.Number({ default: 300, description: 'Seconds an idle model stays loaded; negative: for ever.' }),
    ),
    contextSize: Type.Optional(
      Type.Integer({
        minimum: 16,
        maximum: 1048576,
        default: 4096,
        description: 'Context tokens per request unless the request says num_ctx.',
      }),
    ),
    parallel: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 64,
        default: 4,
        description: 'Requests one loaded model works on at a time.',
      }),
    ),
    maxQueue: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 10000,
        default: 512,
        description: 'Requests that may wait per model and agent.',
      }),
    ),
    maxLoadedModels: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100, default: 3, description: 'Models held in memory per agent.' }),
    ),
    speculation: Type.Optional(
      Type.Boolean({
        default: true,
        description:
          'Guess what follows in an answer from what was said before, and compute several tokens at once where that is faster. Answers stay the same.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type ClusterSettings = Static<typeof ClusterSettings>;

/**
 * Everything an agent must bring about, pushed as a whole by the operator (or by `ollamamax up` on a laptop).
 * `revision` rises with every change; an agent refuses an older one and ignores an equal one.
 */
export const DesiredState = Type.Object(
  {
    revision: Type.Integer({ minimum: 1 }),
    models: Type.Array(ModelSpec, { maxItems: 10000 }),
    settings: ClusterSettings,
  },
  { additionalProperties: false },
);
export type DesiredState = Static<typeof DesiredState>;

const canonicalJson = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const fields = Object.entries(value)
    .filter(([, field]) => field !== undefined)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonicalJson(field)}`).join(',')}}`;
};

const withoutDefaults = (
  value: Readonly<Record<string, unknown>>,
  fields: Readonly<Record<string, object>>,
): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(value).filter(
      ([name, field]) => (fields[name] as { readonly default?: unknown } | undefined)?.default !== field,
    ),
  );

/**
 * Models and settings as one text that is the same for states that ask for the same: fields are sorted, models
 * too, and a default that is written out counts as left out, so that one who knows a newer default agrees with
 * one who does not. `AgentStatus.catalogHash` is the SHA-256 of it.
 */
export const canonicalDesiredState = (state: Omit<DesiredState, 'revision'>): string => {
  const models = state.models
    .map((model) => canonicalJson(withoutDefaults(model, ModelSpec.properties)))
    .sort();
  const settings = canonicalJson(withoutDefaults(state.settings, ClusterSettings.properties));
  return `{"models":[${models.join(',')}],"settings":${settings}}`;
};
