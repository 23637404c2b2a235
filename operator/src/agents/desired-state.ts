import { createHash } from 'node:crypto';
import {
  agentName,
  canonicalDesiredState,
  canonicalModelName,
  isApiError,
  supportedModelSources,
  modelSourceKinds,
  type AdapterSpec,
  type ClusterSettings,
  type DraftSpec,
  type ModelReason,
  type ModelSource,
  type ModelSourceKind,
  type ModelSpec,
  type OllamaCluster,
  type OllamaModel,
  type OllamaModelSpec,
  type ProjectorSpec,
} from '@ollamamax/api';
import { paths } from '../cluster/desired/config-map.ts';

export interface AgentPlace {
  readonly name: string;
  /** Labels of the node it runs on, none where nodes may not be read; undefined while it runs on none. */
  readonly nodeLabels: Readonly<Record<string, string>> | undefined;
}

/** Why a model is not given to the agents. */
export interface Refusal {
  readonly reason: ModelReason<'Resolved'>;
  readonly message: string;
}

export interface ModelPlan {
  readonly model: OllamaModel;
  readonly refusal: Refusal | undefined;
  /** What agents are told; undefined when it is refused. */
  readonly spec: ModelSpec | undefined;
}

export const sourceKindOf = (source: OllamaModelSpec['source']): ModelSourceKind | undefined =>
  modelSourceKinds.find((kind) => source[kind] !== undefined);

/** Name for clients, with its tag. @throws ApiError invalid_model_name */
export const clientName = (model: OllamaModel): string =>
  canonicalModelName(model.spec.model ?? model.metadata.name);

/** The source of a model or of a file beside it; one of an adapter of an earlier version's form is not there. */
type AnySource = OllamaModelSpec['source'] | undefined;

const sourceOf = (source: AnySource): ModelSource | undefined => {
  if (source?.file !== undefined) return { file: source.file.path };
  if (source?.pvc !== undefined)
    return { file: `${paths.claims}/${source.pvc.claimName}/${source.pvc.path}` };
  if (source?.http !== undefined) return { http: source.http.url };
  return undefined;
};

/** A file beside that of the model, as agents know it; undefined when this version cannot get it. */
const besideOf = ({
  source,
  sha256,
}: NonNullable<OllamaModelSpec['projector'] | OllamaModelSpec['draft']>):
  (ProjectorSpec & DraftSpec) | undefined => {
  const from = sourceOf(source);
  return from === undefined ? undefined : { source: from, ...(sha256 === undefined ? {} : { sha256 }) };
};

const adaptersOf = ({ adapters = [] }: OllamaModelSpec): readonly (AdapterSpec | undefined)[] =>
  adapters.map((adapter) => {
    const { scale } = adapter;
    const file = besideOf(adapter);
    return file === undefined || scale === undefined ? file : { ...file, scale };
  });

const projectorOf = ({ projector }: OllamaModelSpec): ProjectorSpec | undefined =>
  projector === undefined ? undefined : besideOf(projector);

const draftOf = ({ draft }: OllamaModelSpec): DraftSpec | undefined =>
  draft === undefined ? undefined : besideOf(draft);

/** Claims that agents mount for a model: those of its file, adapters, projector and draft model. */
export const claimsOf = ({
  spec: { source, adapters = [], projector, draft },
}: OllamaModel): readonly string[] =>
  [source, ...adapters.map((adapter) => adapter.source), projector?.source, draft?.source].flatMap(
    (from: AnySource) => from?.pvc?.claimName ?? [],
  );

/** By Ollama's names, as agents know them. */
const parametersOf = ({ parameters }: OllamaModelSpec): ModelSpec['parameters'] => {
  if (parameters === undefined) return undefined;
  const named = {
    num_ctx: parameters.contextSize,
    num_predict: parameters.maxTokens,
    temperature: parameters.temperature,
    top_k: parameters.topK,
    top_p: parameters.topP,
    min_p: parameters.minP,
    seed: parameters.seed,
    repeat_penalty: parameters.repeatPenalty,
    repeat_last_n: parameters.repeatLastN,
    presence_penalty: parameters.presencePenalty,
    frequency_penalty: parameters.frequencyPenalty,
    stop: parameters.stop === undefined ? undefined : [...parameters.stop],
  };
  return Object.fromEntries(
    Object.entries(named).filter(
      (entry): entry is [string, NonNullable<(typeof entry)[1]>] => entry[1] !== undefined,
    ),
  );
};

const matches = (
  selector: Readonly<Record<string, string>>,
  nodeLabels: Readonly<Record<string, string>> | undefined,
): boolean => Object.entries(selector).every(([name, value]) => nodeLabels?.[name] === value);

/** Agents that will still be there when all that is asked for has happened. */
const lastingAgents = (cluster: OllamaCluster): readonly string[] =>
  Array.from({ length: cluster.spec.replicas }, (_unused, ordinal) =>
    agentName(cluster.metadata.name, ordinal),
  );

const refusalOf = (
  { spec, metadata }: OllamaModel,
  taken: ReadonlyMap<string, string>,
  eligible: readonly string[],
  allPlaced: boolean,
): Refusal | undefined => {
  const kind = sourceKindOf(spec.source);
  if (kind === undefined || !supportedModelSources.has(kind))
    return {
      reason: 'SourceNotSupportedYet',
      message: `This version cannot get models from a source of kind ${kind ?? 'unknown'}.`,
    };
  if (adaptersOf(spec).includes(undefined))
    return {
      reason: 'SourceNotSupportedYet',
      message: 'This version cannot get adapters from such a source.',
    };
  if (spec.projector !== undefined && projectorOf(spec) === undefined)
    return {
      reason: 'SourceNotSupportedYet',
      message: 'This version cannot get a projector from such a source.',
    };
  if (spec.draft !== undefined && draftOf(spec) === undefined)
    return {
      reason: 'SourceNotSupportedYet',
      message: 'This version cannot get a draft model from such a source.',
    };
  let name: string;
  try {
    name = canonicalModelName(spec.model ?? metadata.name);
  } catch (error) {
    return { reason: 'InvalidName', message: isApiError(error) ? error.message : String(error) };
  }
  const owner = taken.get(name);
  if (owner !== undefined)
    return { reason: 'NameTaken', message: `OllamaModel ${owner} already serves ${name} in this cluster.` };
  if (eligible.length === 0) {
    const wanted = `a node with the labels ${JSON.stringify(spec.nodeSelector)}`;
    return allPlaced
      ? { reason: 'NoMatchingNode', message: `No agent runs on ${wanted}.` }
      : { reason: 'WaitingForCluster', message: `No agent runs on ${wanted} yet.` };
  }
  return undefined;
};

/** Older objects first; the name decides between equal ones. */
const byAge = (a: OllamaModel, b: OllamaModel): number => {
  const [x, y] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ''}/${metadata.name}`);
  return (x ?? '') < (y ?? '') ? -1 : 1;
};

/** What becomes of each model that names the cluster and is not being deleted. */
export const planModels = (
  cluster: OllamaCluster,
  models: readonly OllamaModel[],
  places: readonly AgentPlace[],
): readonly ModelPlan[] => {
  const taken = new Map<string, string>();
  const lasting = lastingAgents(cluster);
  const nodeLabels = new Map(places.map((place) => [place.name, place.nodeLabels]));
  const allPlaced = lasting.every((name) => nodeLabels.get(name) !== undefined);
  return [...models].sort(byAge).map((model): ModelPlan => {
    const { spec } = model;
    const { nodeSelector } = spec;
    const eligible =
      nodeSelector === undefined
        ? lasting
        : lasting.filter((name) => matches(nodeSelector, nodeLabels.get(name)));
    const refusal = refusalOf(model, taken, eligible, allPlaced);
    const source = sourceOf(spec.source);
    const adapters = adaptersOf(spec).filter((adapter) => adapter !== undefined);
    const projector = projectorOf(spec);
    const draft = draftOf(spec);
    if (refusal !== undefined || source === undefined) return { model, refusal, spec: undefined };
    const name = clientName(model);
    taken.set(name, model.metadata.name);
    const parameters = parametersOf(spec);
    return {
      model,
      refusal: undefined,
      spec: {
        name,
        source,
        ...(spec.sha256 === undefined ? {} : { sha256: spec.sha256 }),
        replicas: Math.min(spec.replicas, eligible.length),
        agents: [...eligible],
        preload: spec.preload,
        priority: spec.priority,
        keepFiles: spec.deletionPolicy === 'Retain',
        ...(spec.keepAliveSeconds === undefined ? {} : { keepAliveSeconds: spec.keepAliveSeconds }),
        ...(spec.system === undefined ? {} : { system: spec.system }),
        ...(spec.template === undefined ? {} : { template: spec.template }),
        ...(parameters === undefined ? {} : { parameters }),
        ...(adapters.length === 0 ? {} : { adapters }),
        ...(projector === undefined ? {} : { projector }),
        ...(draft === undefined ? {} : { draft }),
      },
    };
  });
};

/** What agents are told, without its revision. */
export interface DesiredContent {
  readonly models: readonly ModelSpec[];
  readonly settings: ClusterSettings;
}

export const desiredContent = (cluster: OllamaCluster, plans: readonly ModelPlan[]): DesiredContent => {
  const { contextSize, parallel, keepAliveSeconds, maxLoadedModels, maxQueue, speculation } =
    cluster.spec.inference;
  return {
    models: plans.flatMap(({ spec }) => (spec === undefined ? [] : [spec])),
    settings: { contextSize, parallel, keepAliveSeconds, maxLoadedModels, maxQueue, speculation },
  };
};

/** What an agent says of a desired state it holds (`AgentStatus.catalogHash`). */
export const contentHash = (content: DesiredContent): string =>
  createHash('sha256')
    .update(canonicalDesiredState({ models: [...content.models], settings: content.settings }))
    .digest('hex');
