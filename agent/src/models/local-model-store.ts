import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import {
  ApiError,
  canonicalModelName,
  isApiError,
  type ClusterSettings,
  type ModelShow,
  type ModelSpec,
  type ModelChunks,
  type ModelStatus,
} from '@ollamamax/api';
import type { Component, Logger } from '@ollamamax/common';
import type { EngineAdapter, EngineDraft, EngineModel, EngineProjector } from '../inference/engine.ts';
import { BlobDirectory, type Standing } from './blob-directory.ts';
import { ChunkIndexes, FileChanged } from './chunks/chunk-indexes.ts';
import { desiredFiles } from './desired-files.ts';
import { DigestCache, fingerprintOf, sameFingerprint } from './file-digest.ts';
import { fileError } from './file-error.ts';
import { Limiter } from './limiter.ts';
import { modelInfo, readModelFacts } from './model-facts.ts';
import type { ModelStore } from './model-store.ts';
import { type ModelStoreLimits, PlacedModel, type ReadyFile, sameBytes } from './placed-model.ts';
import type { VerifiedFile } from './verified-file.ts';

export interface ModelStoreOptions {
  /** State of this agent. */
  readonly dataDir: string;
  /** Downloaded files go to `<modelDir>/blobs`; not shared with another running agent. */
  readonly modelDir: string;
  /** What is placed on this agent now; called at start and after every notice. */
  readonly placed: () => readonly ModelSpec[];
  /** Gives notice of changes of `placed` or `settings`. Returns the unsubscribe function. */
  readonly onPlacedChange: (listener: () => void) => () => void;
  readonly settings: () => ClusterSettings;
  /** All models of the cluster; undefined as long as they are not known, and then no file is removed. */
  readonly desired: () => readonly ModelSpec[] | undefined;
  /** Whether a request still needs the file of this digest, though its model may be gone. */
  readonly inUse?: (digest: string) => boolean;
  /** What is told of a model beside what its file says. */
  readonly describe?: (show: ModelShow) => ModelShow;
  /** A model is no longer placed here, or is to be made from other bytes. Canonical name. */
  readonly onRetired?: (name: string) => void;
  readonly logger: Logger;
  readonly limits?: Partial<LocalModelStoreLimits>;
}

export interface LocalModelStoreLimits extends ModelStoreLimits {
  /** Files downloaded or hashed at a time. */
  readonly concurrency: number;
  /** How long the file of a model that other agents hold now is kept, in case it comes back. */
  readonly unusedBlobMs: number;
  /** How long the file of a model that is no longer asked for is kept. */
  readonly goneBlobMs: number;
}

const defaultLimits: LocalModelStoreLimits = {
  concurrency: 2,
  checkMs: 10_000,
  retry: { minMs: 1000, maxMs: 60_000 },
  slowRetryMs: 60_000,
  progressMs: 250,
  stallMs: 30_000,
  maxRedirects: 10,
  reserveBytes: 64 * 1024 * 1024,
  unusedBlobMs: 10 * 60_000,
  goneBlobMs: 10_000,
};

const defaults = {
  contextSize: 4096,
  parallel: 4,
  maxQueue: 512,
  keepAliveSeconds: 300,
  speculation: true,
} as const;

const numCtx = (spec: ModelSpec): number | undefined => {
  const value = spec.parameters?.num_ctx;
  return typeof value === 'number' && Number.isInteger(value) && value > 0 ? value : undefined;
};

/** A projector or a draft model. */
const besideOf = ({ path, digest, fingerprint }: VerifiedFile): EngineProjector & EngineDraft => ({
  path,
  digest,
  sizeBytes: fingerprint.size,
});

const adaptersOf = (ready: ReadyFile, { adapters = [] }: ModelSpec): readonly EngineAdapter[] =>
  ready.adapters.map(({ path, digest, fingerprint }, index) => ({
    path,
    digest,
    sizeBytes: fingerprint.size,
    scale: adapters[index]?.scale ?? 1,
  }));

const isDownloadOf = (specs: readonly ModelSpec[], digest: string): boolean =>
  desiredFiles(specs).downloads.has(digest);

class LocalModelStore implements ModelStore, Component {
  readonly name = 'model store';
  readonly #options: ModelStoreOptions;
  readonly #limits: LocalModelStoreLimits;
  readonly #logger: Logger;
  readonly #cache: DigestCache;
  readonly #indexes: ChunkIndexes;
  readonly #blobs: BlobDirectory;
  readonly #work: Limiter;
  readonly #keyed = new Map<string, Limiter>();
  readonly #models = new Map<string, PlacedModel>();
  readonly #listeners = new Set<() => void>();
  readonly #stopping = new Set<Promise<void>>();
  readonly #stopped = new AbortController();
  #unsubscribe: (() => void) | undefined;
  #sweeper: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #markedFor: readonly ModelSpec[] | undefined;

  constructor(options: ModelStoreOptions) {
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#logger = options.logger.child({ component: this.name });
    this.#cache = new DigestCache(options.dataDir, this.#logger);
    this.#indexes = new ChunkIndexes({
      dataDir: options.dataDir,
      logger: this.#logger,
      heavy: (key, signal, work) => this.#heavy(key, signal, work),
      stopped: this.#stopped.signal,
    });
    this.#blobs = new BlobDirectory(join(options.modelDir, 'blobs'), this.#logger);
    this.#work = new Limiter(this.#limits.concurrency);
  }

  async start(): Promise<void> {
    await mkdir(this.#blobs.path, { recursive: true });
    await mkdir(this.#options.dataDir, { recursive: true });
    await this.#cache.load();
    await this.#blobs.load();
    this.#unsubscribe = this.#options.onPlacedChange(() => this.#reconcile());
    this.#reconcile();
    this.#sweeper = setInterval(() => this.#sweep(), this.#limits.checkMs);
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    this.#stopped.abort();
    clearInterval(this.#sweeper);
    for (const model of this.#models.values()) this.#retire(model);
    this.#models.clear();
    await this.#sweeping;
    await Promise.all(this.#stopping);
    await this.#blobs.settled();
  }

  list(): readonly ModelStatus[] {
    return [...this.#models.values()]
      .map((model) => model.status())
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  get(name: string): EngineModel | undefined {
    const model = this.#models.get(name);
    model?.checkSoon();
    const ready = model?.ready;
    if (model === undefined || ready === undefined) return undefined;
    const { spec } = model;
    const settings = this.#options.settings();
    const maxContextSize = ready.details.contextLength;
    return {
      name,
      digest: ready.digest,
      path: ready.path,
      sizeBytes: ready.fingerprint.size,
      ...(ready.adapters.length === 0 ? {} : { adapters: adaptersOf(ready, spec) }),
      ...(ready.projector === undefined ? {} : { projector: besideOf(ready.projector) }),
      ...(ready.draft === undefined ? {} : { draft: besideOf(ready.draft) }),
      contextSize: Math.min(numCtx(spec) ?? settings.contextSize ?? defaults.contextSize, maxContextSize),
      maxContextSize,
      parallel: settings.parallel ?? defaults.parallel,
      maxQueue: settings.maxQueue ?? defaults.maxQueue,
      speculation: settings.speculation ?? defaults.speculation,
      keepAliveSeconds: spec.keepAliveSeconds ?? settings.keepAliveSeconds ?? defaults.keepAliveSeconds,
      ...(spec.template === undefined ? {} : { template: spec.template }),
      ...(spec.system === undefined ? {} : { system: spec.system }),
      parameters: spec.parameters ?? {},
    };
  }

  async show(name: string, verbose: boolean): Promise<ModelShow> {
    const { model, ready } = this.#readyModel(name);
    const facts = await readModelFacts(ready.path, { verbose }).catch((error: unknown) => {
      throw isApiError(error) ? this.#changed(name) : error;
    });
    if (!sameFingerprint(await fingerprintOf(ready.path), ready.fingerprint)) throw this.#changed(name);
    const shown: ModelShow = {
      name,
      digest: ready.digest,
      modifiedAt: ready.fingerprint.modifiedAt,
      details: ready.details,
      template: ready.template,
      system: model.spec.system ?? '',
      license: facts.license,
      parameters: model.spec.parameters ?? {},
      ...(ready.adapters.length === 0
        ? {}
        : { adapters: adaptersOf(ready, model.spec).map(({ digest, scale }) => ({ digest, scale })) }),
      ...(model.spec.keepAliveSeconds === undefined ? {} : { keepAliveSeconds: model.spec.keepAliveSeconds }),
      modelInfo: modelInfo(facts),
      tensors: facts.header.tensors.map(({ name: tensor, type, shape }) => ({
        name: tensor,
        type,
        shape: [...shape],
      })),
    };
    return this.#options.describe?.(shown) ?? shown;
  }

  async chunks(name: string, signal: AbortSignal): Promise<ModelChunks> {
    const { ready } = this.#readyModel(name);
    const { chunker, size, chunks } = await this.#indexes.of(ready, signal).catch((error: unknown) => {
      if (signal.aborted) throw error;
      if (error instanceof FileChanged) throw this.#changed(name);
      this.#logger.warn('The chunks of a model could not be read.', { model: name, error });
      throw fileError(error, ready.path);
    });
    return {
      name,
      digest: ready.digest,
      sizeBytes: size,
      details: ready.details,
      chunker,
      chunks: chunks.map(({ length, sha256 }) => ({ length, sha256 })),
    };
  }

  async noteVerified(path: string, digest: string): Promise<void> {
    await this.#cache.set(path, await fingerprintOf(path), digest);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @throws ApiError model_not_found, model_not_ready */
  #readyModel(name: string): { readonly model: PlacedModel; readonly ready: ReadyFile } {
    const model = this.#models.get(name);
    if (model === undefined) throw new ApiError('model_not_found', `model '${name}' not found`);
    model.checkSoon();
    const ready = model.ready;
    if (ready !== undefined) return { model, ready };
    const { state, error } = model.status();
    throw new ApiError(
      'model_not_ready',
      `The model ${name} is ${state}${error === undefined ? '' : `: ${error.message}`}`,
    );
  }

  #changed(name: string): ApiError {
    return new ApiError('model_not_ready', `The file of ${name} has changed and is verified anew.`);
  }

  #notify(): void {
    for (const listener of this.#listeners) {
      try {
        listener();
      } catch (error) {
        this.#logger.error('A listener to model changes failed.', { error });
      }
    }
  }

  #reconcile(): void {
    const wanted = new Map(this.#options.placed().map((spec) => [canonicalModelName(spec.name), spec]));
    // Notices come with every look at the peers: most change nothing.
    let changed = false;
    for (const [name, model] of this.#models) {
      const spec = wanted.get(name);
      if (spec !== undefined && sameBytes(spec, model.spec)) {
        if (!isDeepStrictEqual(spec, model.spec)) {
          model.updateSpec(spec);
          changed = true;
        }
        wanted.delete(name);
      } else {
        this.#models.delete(name);
        this.#retire(model);
        this.#options.onRetired?.(name);
        changed = true;
      }
    }
    for (const [name, spec] of wanted) {
      const model = new PlacedModel({
        name,
        spec,
        blobDir: this.#blobs.path,
        cache: this.#cache,
        limits: this.#limits,
        logger: this.#logger,
        heavy: (key, signal, work) => this.#heavy(key, signal, work),
        onChange: () => this.#notify(),
      });
      this.#models.set(name, model);
      model.start();
      changed = true;
    }
    const desired = this.#options.desired();
    if (changed || desired !== this.#markedFor) this.#markKept();
    this.#markedFor = desired;
    if (changed) this.#notify();
  }

  /** Marks downloads that are to stay while their models, which say so, are still known. */
  #markKept(): void {
    const placed = desiredFiles([...this.#models.values()].map((model) => model.spec)).downloads;
    for (const [digest, keep] of desiredFiles(this.#options.desired() ?? []).downloads)
      if (!keep || placed.has(digest)) this.#blobs.keep(digest, keep);
  }

  #retire(model: PlacedModel): void {
    const stopped = model.stop().finally(() => this.#stopping.delete(stopped));
    this.#stopping.add(stopped);
  }

  #heavy<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#exclusive(key, signal, () => this.#work.run(signal, work));
  }

  async #exclusive<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const keyed = this.#keyed.get(key) ?? new Limiter(1);
    this.#keyed.set(key, keyed);
    try {
      return await keyed.run(signal, work);
    } finally {
      if (keyed.idle) this.#keyed.delete(key);
    }
  }

  #sweep(): void {
    this.#sweeping = this.#sweeping.then(async () => {
      const desired = this.#options.desired();
      if (desired === undefined || this.#hasStopped()) return;
      try {
        const { unusedBlobMs, goneBlobMs } = this.#limits;
        const { inPlace } = desiredFiles(desired);
        const removed = await this.#blobs.removeUnused({
          standing: (digest) => this.#standing(digest),
          inPlace: (path) => inPlace.has(path),
          waitMs: { elsewhere: unusedBlobMs, gone: goneBlobMs },
          exclusive: (digest, work) => this.#exclusive(digest, this.#stopped.signal, work),
        });
        for (const path of removed) await this.#cache.delete(path);
      } catch (error) {
        if (!this.#hasStopped()) this.#logger.warn('Unused model files could not be removed.', { error });
      }
    });
  }

  #hasStopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  /** Asked anew for each file: models come and go while others are removed. */
  #standing(digest: string): Standing {
    const placed = isDownloadOf(
      [...this.#models.values()].map(({ spec }) => spec),
      digest,
    );
    const desired = this.#options.desired();
    const unsure = desired === undefined || this.#hasStopped();
    if (placed || unsure || this.#options.inUse?.(digest) === true) return 'used';
    return isDownloadOf(desired, digest) ? 'elsewhere' : 'gone';
  }
}

/** The model files of this agent, from files in place and from http(s) sources. */
export const createModelStore = (options: ModelStoreOptions): ModelStore & Component =>
  new LocalModelStore(options);
