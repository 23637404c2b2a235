import { ApiError } from '@ollamamax/api';
import type { EngineModel } from './engine.ts';
import type { LayerFacts, MemoryFacts } from './memory-facts.ts';

const mebibyte = 1024 * 1024;

/** Node, llama.cpp and their libraries, the thread that renders chat templates, and garbage. */
const processBytes = 190 * mebibyte;

/** What a word of the vocabulary takes beside its text: the runner and llama.cpp have tables of their own. */
const wordBytes = 1300;

/** Tokens that llama.cpp computes at a time at most. */
const batchTokens = 512;

/** Cells of attention state are made in such units. */
const cellUnit = 256;

/** By how much a matrix in the processor's own order is larger than in the file. */
const copyGrowth = 0.12;

/** Driver and kernels of a GPU in each process that uses it. */
const driverBytes = 400 * mebibyte;

/** Where the header cannot be read: about what models with grouped attention at 4 bits need. */
const fileBytesPerKvByte = 32_768;

export interface MemoryEstimate {
  /** Bytes of the machine's memory that must be available. */
  readonly totalBytes: number;
  /** What the runner will show: with pages of the file that the kernel takes back when it needs them. */
  readonly residentBytes: number;
  /** Weights and attention state: what is known exactly. */
  readonly certainBytes: number;
  /** Bytes on GPUs, all of them together. */
  readonly deviceBytes: number;
  /** The sum in words, for the error message. */
  readonly arithmetic: string;
}

export interface EstimateOptions {
  /** From the header of the file; undefined: it could not be read. */
  readonly facts?: MemoryFacts | undefined;
  /** Of its draft model, if it has one. */
  readonly draftFacts?: MemoryFacts | undefined;
  /** Types of matrices that the processor keeps twice. */
  readonly copiedTypes?: ReadonlySet<string>;
  /** The last so many blocks are on GPUs; one more than there are: the output too. */
  readonly gpuLayers?: number;
}

/** What a part of the model takes where it is: on the machine or on a GPU. */
interface Share {
  weights: number;
  context: number;
}

/**
 * Weights, attention state of every request at full context, what computing takes, and the process itself.
 * Sizes of buffers are as llama.cpp reports them: docs/inference/memory-and-devices.md.
 */
export const estimateMemory = (
  model: EngineModel,
  contextSize: number,
  { facts, draftFacts, copiedTypes = new Set(), gpuLayers = 0 }: EstimateOptions = {},
): MemoryEstimate => {
  const { parallel } = model;
  const host =
    facts === undefined
      ? unknownShare(model.sizeBytes, contextSize, parallel)
      : sharesOf(facts, contextSize, parallel, gpuLayers).host;
  const computing = facts === undefined ? 0 : computeBytes(facts, contextSize, parallel);
  const around = processBytes + (facts === undefined ? 0 : facts.vocabulary * wordBytes);
  const adapters = (model.adapters ?? []).reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const projector = model.projector?.sizeBytes ?? 0;
  const copied = copiedBytes(facts, copiedTypes);
  const weights = host.weights + Math.ceil(copied * copyGrowth);
  const draft = draftNeeds(model, contextSize, draftFacts, copiedTypes);
  const totalBytes = weights + adapters + projector + draft.totalBytes + host.context + computing + around;
  const onDevice = facts === undefined ? 0 : estimateDeviceMemory(facts, contextSize, parallel, gpuLayers, 1);
  return {
    totalBytes,
    residentBytes: totalBytes + copied + draft.copiedBytes,
    certainBytes: weights + host.context + draft.certainBytes,
    deviceBytes: onDevice,
    arithmetic:
      `${mib(weights)} for the weights + ` +
      (adapters === 0 ? '' : `${mib(adapters)} for its adapters + `) +
      (projector === 0 ? '' : `${mib(projector)} for its projector + `) +
      (draft.totalBytes === 0 ? '' : `${mib(draft.totalBytes)} for its draft model + `) +
      `${mib(host.context)} for ${parallel} x ${contextSize} tokens of context + ` +
      (computing === 0 ? '' : `${mib(computing)} for computing + `) +
      `${mib(around)} for the process = ${mib(totalBytes)}` +
      (onDevice === 0 ? '' : `, beside ${mib(onDevice)} on GPUs`),
  };
};

/**
 * Bytes on so many GPUs, all of them together, when the last blocks are there. What llama.cpp reserves for computing
 * counts whole, as a GPU does not wait for the first touch: logits of a whole batch among it.
 */
export const estimateDeviceMemory = (
  facts: MemoryFacts,
  contextSize: number,
  parallel: number,
  gpuLayers: number,
  devices: number,
): number => {
  if (gpuLayers === 0) return 0;
  const { device } = sharesOf(facts, contextSize, parallel, gpuLayers);
  const { embedding, feedForward, vocabulary } = facts;
  const batch = Math.min(batchTokens, contextSize);
  const logits = vocabulary + 2 * embedding;
  const block = 2 * feedForward + 6 * embedding + 1.5 * contextSize;
  return device.weights + device.context + devices * (driverBytes + 4 * batch * Math.max(logits, block));
};

/** The error for a load that cannot be: what it needs and what there is. */
export const insufficientMemory = (
  model: EngineModel,
  arithmetic: string,
  availableBytes: number,
): ApiError =>
  new ApiError(
    'insufficient_memory',
    `Loading ${model.name} needs ${arithmetic}, and ${mib(availableBytes)} are available.`,
    { retryAfterSeconds: 10 },
  );

/** @returns bytes in words, rounded up */
export const mib = (bytes: number): string => `${Math.ceil(bytes / mebibyte)} MiB`;

const unknownShare = (sizeBytes: number, contextSize: number, parallel: number): Share => ({
  weights: Math.ceil(sizeBytes * 1.05),
  context: Math.ceil((sizeBytes / fileBytesPerKvByte) * contextSize * parallel),
});

/** Matrices that the processor keeps in its own order, too. */
const copiedBytes = (facts: MemoryFacts | undefined, copiedTypes: ReadonlySet<string>): number =>
  [...(facts?.matrixBytes ?? [])].reduce(
    (sum, [type, bytes]) => sum + (copiedTypes.has(type) ? bytes : 0),
    0,
  );

/** Where guesses are to be taken back, all of a context is kept. */
const withoutWindows = (facts: MemoryFacts): MemoryFacts => ({
  ...facts,
  layers: facts.layers.map((layer) => ({ ...layer, window: undefined })),
});

/** What a draft model takes beside the model: it follows every request as far as it was trained to, on the processor. */
const draftNeeds = (
  { draft, parallel }: EngineModel,
  contextSize: number,
  facts: MemoryFacts | undefined,
  copiedTypes: ReadonlySet<string>,
): Pick<MemoryEstimate, 'certainBytes' | 'totalBytes'> & { readonly copiedBytes: number } => {
  if (draft === undefined) return { certainBytes: 0, totalBytes: 0, copiedBytes: 0 };
  const length = Math.min(contextSize, facts?.trainedContext ?? contextSize);
  const copied = copiedBytes(facts, copiedTypes);
  const { weights, context } =
    facts === undefined
      ? unknownShare(draft.sizeBytes, length, parallel)
      : sharesOf(withoutWindows(facts), length, parallel, 0).host;
  const certainBytes = weights + Math.ceil(copied * copyGrowth) + context;
  const around =
    facts === undefined ? 0 : computeBytes(facts, length, parallel) + facts.vocabulary * wordBytes;
  return { certainBytes, totalBytes: certainBytes + around, copiedBytes: copied };
};

/** The last blocks are those on GPUs, as llama.cpp counts them. */
const sharesOf = (
  { layers, inputBytes, outputBytes }: MemoryFacts,
  contextSize: number,
  parallel: number,
  gpuLayers: number,
): { readonly host: Share; readonly device: Share } => {
  const host: Share = { weights: inputBytes, context: 0 };
  const device: Share = { weights: 0, context: 0 };
  const first = Math.max(0, layers.length - gpuLayers);
  layers.forEach((layer, index) => {
    const share = gpuLayers > 0 && index >= first ? device : host;
    share.weights += layer.weightBytes;
    share.context += layerContextBytes(layer, contextSize, parallel);
  });
  (gpuLayers > layers.length ? device : host).weights += outputBytes;
  return { host, device };
};

/** Bytes of attention state, or of recurrent state, that one layer holds for all requests. */
const layerContextBytes = (
  { kvBytesPerToken, window, stateBytes }: LayerFacts,
  contextSize: number,
  parallel: number,
): number => {
  const seen = window === undefined ? contextSize : Math.min(contextSize, window + batchTokens);
  const cells = Math.ceil(seen / cellUnit) * cellUnit;
  return (kvBytesPerToken * cells + stateBytes) * parallel;
};

/** What a step touches: activations of a batch, the mask of attention, and the logits of one token per request. */
const computeBytes = (facts: MemoryFacts, contextSize: number, parallel: number): number => {
  const { embedding, feedForward, vocabulary } = facts;
  const batch = Math.min(batchTokens, Math.max(contextSize, parallel));
  return 4 * (batch * (2 * feedForward + 6 * embedding + 1.5 * contextSize) + 2 * parallel * vocabulary);
};
