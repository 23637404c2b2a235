import {
  modelConditions,
  type AgentStatus,
  type ModelConditionType,
  type ModelPhase,
  type ModelReason,
  type OllamaModel,
  type OllamaModelStatus,
} from '@ollamamax/api';
import { clientName, type ModelPlan } from '../agents/desired-state.ts';
import type { AgentReport } from '../agents/report.ts';
import { mergeConditions, type Condition, type ConditionFacts } from '../runtime/index.ts';
import { holdersOf } from './model-facts.ts';

type Reported = AgentStatus['models'][number];

/** The model on one agent that is to hold it. */
interface Holding {
  readonly agent: string;
  /** It can serve the model. */
  readonly ready: boolean;
  /** It could when it was last heard, and its pod is ready; but it has been silent for too long. */
  readonly lost: boolean;
  readonly silent: boolean;
  readonly model: Reported | undefined;
}

export interface ModelFacts {
  readonly model: OllamaModel;
  /** Undefined when there is no such cluster. */
  readonly plan: ModelPlan | undefined;
  readonly cluster: 'missing' | 'deleting' | 'present';
  readonly reports: ReadonlyMap<string, AgentReport>;
  /** Pods that are ready. */
  readonly readyAgents: ReadonlySet<string>;
  readonly nowMs: number;
}

type Facts<T extends ModelConditionType> = {
  readonly status: Condition['status'];
  readonly reason: ModelReason<T>;
  readonly message: string;
};

const patienceMs = 30_000;

/** Which reason an agent's error stands for, by its code in the error catalogue. */
const downloadReasons: Readonly<Record<string, ModelReason<'Downloaded'>>> = {
  source_file_missing: 'FileNotFound',
  digest_mismatch: 'DigestMismatch',
  model_file_invalid: 'FileInvalid',
  disk_full: 'StorageFull',
};

const agents = (count: number): string => `${count} agent${count === 1 ? '' : 's'}`;

const percent = (done: number, total: number): number =>
  total === 0 ? 0 : Math.min(100, Math.floor((done * 100) / total));

const holdingsOf = ({ plan, reports, readyAgents }: ModelFacts): readonly Holding[] => {
  const spec = plan?.spec;
  if (spec === undefined) return [];
  return (spec.agents ?? []).flatMap((agent): Holding[] => {
    const report = reports.get(agent);
    const model = report?.status?.models.find(({ name }) => name === spec.name);
    if (model === undefined) return [];
    const silent = report?.problem?.kind === 'unreachable' && report.silentMs > patienceMs;
    const able = readyAgents.has(agent) && model.state === 'ready';
    return [{ agent, model, silent, ready: able && !silent, lost: able && silent }];
  });
};

const resolved = (facts: ModelFacts): Facts<'Resolved'> => {
  const { cluster, plan, model } = facts;
  const name = model.spec.clusterRef.name;
  if (cluster === 'missing')
    return {
      status: 'False',
      reason: 'ClusterNotFound',
      message: `There is no OllamaCluster ${name} in namespace ${model.metadata.namespace}.`,
    };
  if (cluster === 'deleting')
    return { status: 'False', reason: 'ClusterDeleting', message: `OllamaCluster ${name} is being deleted.` };
  if (plan?.refusal !== undefined) return { status: 'False', ...plan.refusal };
  return { status: 'True', reason: 'Accepted', message: `OllamaCluster ${name} has been told of it.` };
};

/** What an agent last said is believed for a while only; that it is silent does not mean that it has lost anything. */
const unknown = (
  holdings: readonly Holding[],
): { readonly status: 'Unknown'; readonly reason: 'Unknown'; readonly message: string } => {
  const lost = holdings.filter((holding) => holding.lost).map(({ agent }) => agent);
  return {
    status: 'Unknown',
    reason: 'Unknown',
    message: `${lost.join(', ')} ${lost.length === 1 ? 'does' : 'do'} not answer.`,
  };
};

const downloaded = (holdings: readonly Holding[], wanted: number): Facts<'Downloaded'> => {
  const failed = holdings.find(({ model }) => model?.state === 'failed');
  if (failed?.model !== undefined) {
    const { code = '', message = 'no reason given' } = failed.model.error ?? {};
    return {
      status: 'False',
      reason: downloadReasons[code] ?? 'DownloadFailed',
      message: `${failed.agent}: ${message}`,
    };
  }
  const states = holdings.map(({ model }) => model?.state);
  if (states.includes('downloading'))
    return { status: 'False', reason: 'Downloading', message: 'Bytes are on their way.' };
  if (states.includes('verifying'))
    return { status: 'False', reason: 'Verifying', message: 'The digest is being computed.' };
  if (holdings.length === 0 || states.includes('pending') || holdings.length < wanted)
    return {
      status: 'False',
      reason: 'Waiting',
      message: `${holdings.length} of ${wanted} agents have taken it up.`,
    };
  if (holdings.some(({ lost }) => lost)) return unknown(holdings);
  return { status: 'True', reason: 'AllVerified', message: 'All bytes are there and verified.' };
};

const ready = (
  facts: ModelFacts,
  is: { readonly resolved: ConditionFacts; readonly downloaded: ConditionFacts },
  holdings: readonly Holding[],
): Facts<'Ready'> => {
  const holders = holdings.filter((holding) => holding.ready).length;
  if (facts.model.metadata.deletionTimestamp !== undefined)
    return { status: 'False', reason: 'Deleting', message: 'The model is being deleted.' };
  if (is.resolved.status !== 'True')
    return { status: 'False', reason: 'NotResolved', message: is.resolved.message };
  if (holders > 0)
    return {
      status: 'True',
      reason: 'Serving',
      message: `${agents(holders)} can serve it.`,
    };
  if (facts.readyAgents.size === 0)
    return { status: 'False', reason: 'WaitingForAgents', message: 'No agent of the cluster is ready.' };
  if (holdings.some(({ lost }) => lost)) return unknown(holdings);
  const failing = ['DownloadFailed', 'FileNotFound', 'DigestMismatch', 'FileInvalid', 'StorageFull'];
  return {
    status: 'False',
    reason: failing.includes(is.downloaded.reason) ? 'Failed' : 'NotDownloaded',
    message: is.downloaded.message,
  };
};

const replicated = (holdings: readonly Holding[], wanted: number): Facts<'Replicated'> => {
  const holders = holdings.filter((holding) => holding.ready).length;
  const message = `${holders} of ${wanted} agents can serve it.`;
  if (wanted > 0 && holders >= wanted) return { status: 'True', reason: 'EnoughReplicas', message };
  const lost = holdings.filter((holding) => holding.lost).length;
  if (lost > 0 && holders + lost >= wanted) return unknown(holdings);
  return { status: 'False', reason: 'TooFewReplicas', message };
};

const phaseOf = (conditions: Readonly<Record<ModelConditionType, ConditionFacts>>): ModelPhase => {
  const { Ready, Resolved, Downloaded, Replicated } = conditions;
  if (Ready.reason === 'Deleting') return 'Deleting';
  if (Ready.status === 'True') return Replicated.status === 'True' ? 'Ready' : 'Degraded';
  if (Ready.status === 'Unknown') return 'Degraded';
  if (Resolved.status === 'False' && Resolved.reason !== 'WaitingForCluster') return 'Failed';
  if (Ready.reason === 'Failed') return 'Failed';
  if (Downloaded.reason === 'Downloading') return 'Downloading';
  if (Downloaded.reason === 'Verifying') return 'Verifying';
  return 'Pending';
};

const stateNames = {
  pending: 'Pending',
  downloading: 'Downloading',
  verifying: 'Verifying',
  ready: 'Ready',
  failed: 'Failed',
} as const;

/** The whole status, from what was found out and what was written before. */
export const modelStatus = (facts: ModelFacts): OllamaModelStatus => {
  const { model, plan, nowMs } = facts;
  const observedGeneration = model.metadata.generation;
  const holdings = holdingsOf(facts);
  const wanted = plan?.spec?.replicas ?? 0;
  const holders = holdings.filter((holding) => holding.ready).length;
  const condition = <T extends ModelConditionType>(type: T, found: Facts<T>): ConditionFacts => ({
    type,
    observedGeneration,
    ...found,
  });
  const Resolved = condition('Resolved', resolved(facts));
  const Downloaded = condition('Downloaded', downloaded(holdings, wanted));
  const Replicated = condition('Replicated', replicated(holdings, wanted));
  const conditions = {
    Ready: condition('Ready', ready(facts, { resolved: Resolved, downloaded: Downloaded }, holdings)),
    Resolved,
    Downloaded,
    Replicated,
  };
  const reported = holdings.flatMap(({ model: one }) => (one === undefined ? [] : [one]));
  const total = reported.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const done = reported.reduce(
    (sum, { completedBytes, sizeBytes, state }) => sum + (state === 'ready' ? sizeBytes : completedBytes),
    0,
  );
  const digest = reported.find((one) => one.digest !== undefined)?.digest;
  const adapters = reported.find(({ state }) => state === 'ready')?.adapters;
  const size = Math.max(0, ...reported.map(({ sizeBytes }) => sizeBytes));
  const error = holdings.find((holding) => holding.model?.error !== undefined);
  const lastError =
    Resolved.status === 'False'
      ? Resolved.message
      : error?.model?.error === undefined
        ? undefined
        : `${error.agent}: ${error.model.error.message}`;
  return {
    observedGeneration,
    phase: phaseOf(conditions),
    conditions: mergeConditions(
      model.status?.conditions as readonly Condition[] | undefined,
      (Object.keys(modelConditions) as ModelConditionType[]).map((type) => conditions[type]),
      nowMs,
    ),
    ...(plan?.spec === undefined ? {} : { model: clientName(model) }),
    ...(digest === undefined ? {} : { sha256: digest }),
    ...(adapters === undefined ? {} : { adapters }),
    ...(size === 0 ? {} : { sizeBytes: size }),
    desiredReplicas: wanted,
    readyReplicas: holders,
    ...(total === 0 ? {} : { progressPercent: percent(done, total) }),
    agents: holdings.map(({ agent, model: one, silent }) => ({
      name: agent,
      state: silent || one === undefined ? ('Unknown' as const) : stateNames[one.state],
      ...(one?.state !== 'downloading' || one.sizeBytes === 0
        ? {}
        : { progressPercent: percent(one.completedBytes, one.sizeBytes) }),
      ...(one?.resident === undefined ? {} : { loaded: one.resident.state === 'ready' }),
      ...(one?.error === undefined ? {} : { message: one.error.message.slice(0, 1024) }),
    })),
    ...(lastError === undefined ? {} : { lastError: lastError.slice(0, 4096) }),
  };
};

/** Models of a cluster at a glance. */
export const modelSummary = (
  plans: readonly ModelPlan[],
  reports: ReadonlyMap<string, AgentReport>,
  readyAgents: ReadonlySet<string>,
): { readonly total: number; readonly ready: number; readonly failed: number } => {
  let readyModels = 0;
  let failed = 0;
  for (const { spec, refusal } of plans) {
    if (refusal !== undefined || spec === undefined) {
      if (refusal?.reason !== 'WaitingForCluster') failed += 1;
      continue;
    }
    if (holdersOf(spec.name, reports, readyAgents).length > 0) readyModels += 1;
    else if (
      [...reports.values()].some(({ status }) =>
        status?.models.some(({ name, state }) => name === spec.name && state === 'failed'),
      )
    )
      failed += 1;
  }
  return { total: plans.length, ready: readyModels, failed };
};
