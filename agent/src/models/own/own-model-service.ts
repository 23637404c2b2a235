import {
  ApiError,
  canonicalModelName,
  isApiError,
  type ManageEvent,
  type ManageRequest,
  type ModelEventValue,
  type ModelLayer,
  type ModelSpec,
  type OwnModel,
  type ProgressResponse,
} from '@ollamamax/api';
import { sleep, type Logger } from '@ollamamax/common';
import type { Catalog } from '../../catalog/catalog.ts';
import { adaptersLevel, ownModelsLevel } from '../../catalog/state/catalog-state.ts';
import { declaredMessage, isDeclared } from '../../catalog/state/own-models.ts';
import type { EngineModel } from '../../inference/engine.ts';
import { pullModel, type PullOptions } from '../registry/pull-model.ts';
import { pushModel } from '../registry/push-model.ts';
import { defaultRegistryLimits, type RegistryLimits } from '../registry/registry-client.ts';
import type { RegistryKey } from '../registry/registry-key.ts';
import { parseRegistryName } from '../registry/registry-name.ts';
import { SharedDownloads } from '../registry/shared-downloads.ts';
import type { BlobStore } from './blob-store.ts';
import { checkCreate, createModel, type BaseModel, type CreateContent } from './create-model.ts';
import { layerTypes } from './layer-types.ts';
import type { OwnModels } from './own-models.ts';
import { manageAtPeer, openPeerBlob, peersWithBlob, type OwnModelPeers } from './peer-blobs.ts';

export interface OwnModelServiceOptions {
  readonly agent: string;
  readonly catalog: Pick<Catalog, 'agreed' | 'agree' | 'onAgreed'>;
  /** Has the cluster use a feature level. @throws ApiError agents_outdated, not_a_member, no_leader */
  readonly requireLevel: (level: number) => Promise<void>;
  readonly own: OwnModels;
  readonly blobs: BlobStore;
  /** A model that is ready on this agent. */
  readonly ready: (name: string) => EngineModel | undefined;
  readonly peers: OwnModelPeers;
  readonly view: { models(): readonly ModelEventValue[]; onChange(listener: () => void): () => void };
  readonly now: () => Date;
  readonly log: Logger;
  /** Who this agent is to registries. */
  readonly registryKey: () => Promise<RegistryKey>;
  readonly registryLimits?: Partial<RegistryLimits>;
  /** How long an answer waits until this agent knows what has become of the request, in milliseconds. */
  readonly settleMs?: number;
}

const notFound = (name: string): ApiError =>
  new ApiError('model_not_found', `model '${name}' not found`, { param: 'model' });

/** What people do with models through Ollama's API, from whichever agent they ask. */
export class OwnModelService {
  readonly #options: OwnModelServiceOptions;
  readonly #downloads = new SharedDownloads();

  constructor(options: OwnModelServiceOptions) {
    this.#options = options;
  }

  /** Whether any agent has it. */
  async hasBlob(digest: string, signal: AbortSignal): Promise<boolean> {
    const { blobs, peers } = this.#options;
    if ((await blobs.size(digest)) !== undefined) return true;
    return (await peersWithBlob(peers, digest, signal)).length > 0;
  }

  /**
   * Takes an upload in, which waits here for the model that is made from it.
   * @param bytes how many are announced; 0: it is not said
   * @returns false when it is here already, and was not read
   * @throws ApiError blob_mismatch, disk_full, and what `source` throws
   */
  async upload(digest: string, source: AsyncIterable<Uint8Array>, bytes: number): Promise<boolean> {
    const { blobs } = this.#options;
    if ((await blobs.size(digest)) !== undefined) return false;
    await blobs.write(digest, source, bytes);
    return true;
  }

  /** A blob of this agent. @throws ApiError blob_not_found, invalid_request */
  async blobHere(digest: string): Promise<{ readonly path: string; readonly size: number }> {
    const { blobs } = this.#options;
    const size = await blobs.size(digest);
    if (size === undefined) throw new ApiError('blob_not_found', `There is no blob ${digest} here.`);
    return { path: blobs.path(digest), size };
  }

  /**
   * Makes a model, here or on the agent that has what it is made from.
   * @param user who has asked for it
   * @throws ApiError model_declared, model_not_found, model_not_ready, blob_not_found, agents_outdated, …
   */
  async *create(
    to: string,
    content: CreateContent,
    user: string,
    signal: AbortSignal,
  ): AsyncGenerator<ProgressResponse> {
    const { agent, peers } = this.#options;
    const name = canonicalModelName(to);
    this.#assertFree(name);
    checkCreate(content);
    const { adapters = {}, files = {}, from = '' } = content;
    // An older version would make the model without them.
    await this.#options.requireLevel(
      Object.keys(adapters).length > 0 || Object.keys(files).length > 1 ? adaptersLevel : ownModelsLevel,
    );
    const at = from === '' ? agent : this.#placeOf(canonicalModelName(from));
    const request = { kind: 'create', name, user, content } as const;
    if (at === agent) yield* this.#createHere(request, signal);
    else yield* manageAtPeer(peers, at, request, signal);
    await this.#untilServed(name, signal);
    yield { status: 'success' };
  }

  /**
   * Fetches a model from a registry to this agent.
   * @param from name in the registry, which is its name here as well
   * @param insecure whether the registry may be one without encryption
   * @throws ApiError model_declared, model_not_found, source_unreachable, source_refused, agents_outdated, …
   */
  async *pull(
    from: string,
    insecure: boolean,
    user: string,
    signal: AbortSignal,
  ): AsyncGenerator<ProgressResponse> {
    const name = parseRegistryName(from, insecure);
    this.#assertFree(name.local);
    await this.#options.requireLevel(ownModelsLevel);
    const manifest = yield* pullModel(name, this.#registry(signal));
    signal.throwIfAborted();
    yield { status: 'writing manifest' };
    await this.#put(name.local, manifest, user);
    await this.#untilServed(name.local, signal);
    yield { status: 'success' };
  }

  /**
   * Sends a model to a registry, from the agent that has its files.
   * @param to name in the registry; the model of that name is sent
   * @throws ApiError model_declared, model_not_found, source_unreachable, source_refused, agent_unreachable
   */
  async *push(to: string, insecure: boolean, signal: AbortSignal): AsyncGenerator<ProgressResponse> {
    const { agent, own, peers } = this.#options;
    const { local: name } = parseRegistryName(to, insecure);
    if (isDeclared(this.#options.catalog.agreed().desired, name))
      throw new ApiError(
        'model_declared',
        `The model ${name} is declared; push a copy of it (POST /api/copy).`,
        {
          param: 'model',
        },
      );
    const model = own.find(name);
    if (model === undefined) throw notFound(name);
    const request = { kind: 'push', name, to, insecure } as const;
    if (model.holder === agent) yield* this.#pushHere(request, signal);
    else yield* manageAtPeer(peers, model.holder, request, signal);
    yield { status: 'success' };
  }

  /** Does what another agent was asked for and this one can do. */
  async *manage(request: ManageRequest, signal: AbortSignal): AsyncGenerator<ManageEvent> {
    const steps =
      request.kind === 'create' ? this.#createHere(request, signal) : this.#pushHere(request, signal);
    for await (const progress of steps) yield { type: 'progress', progress };
    yield { type: 'done' };
  }

  /** Gives a model another name; its files are shared. @throws ApiError model_declared, model_not_found, … */
  async copy(source: string, destination: string, user: string, signal: AbortSignal): Promise<void> {
    const { catalog, now, own } = this.#options;
    const [from, name] = [canonicalModelName(source), canonicalModelName(destination)];
    this.#assertFree(name);
    const model = own.find(from);
    if (model === undefined) {
      if (!isDeclared(catalog.agreed().desired, from)) throw notFound(from);
      // Its files are not of the kind that can be shared: the agent that has them takes them over.
      for await (const _step of this.create(name, { from }, user, signal)) signal.throwIfAborted();
      return;
    }
    await this.#options.requireLevel(ownModelsLevel);
    await catalog.agree({
      op: 'putOwnModel',
      name,
      model: { ...model, createdAt: now().getTime(), createdBy: user },
    });
    await this.#untilServed(name, signal);
  }

  /** @throws ApiError model_declared, model_not_found, no_leader, … */
  async remove(text: string, signal: AbortSignal): Promise<void> {
    const { catalog } = this.#options;
    const name = canonicalModelName(text);
    this.#assertFree(name);
    if (!Object.hasOwn(catalog.agreed().ownModels, name)) throw notFound(name);
    await catalog.agree({ op: 'removeOwnModel', name });
    await this.#until(
      () => !Object.hasOwn(catalog.agreed().ownModels, name),
      (listener) => catalog.onAgreed(listener),
      signal,
    );
  }

  #assertFree(name: string): void {
    if (isDeclared(this.#options.catalog.agreed().desired, name))
      throw new ApiError('model_declared', declaredMessage(name), { param: 'model' });
  }

  /** The agent that has the files of a model. @throws ApiError model_not_found, model_not_ready */
  #placeOf(name: string): string {
    const { agent, catalog, own, peers, ready } = this.#options;
    const model = own.find(name);
    if (model !== undefined) return model.holder;
    if (!isDeclared(catalog.agreed().desired, name)) throw notFound(name);
    if (ready(name) !== undefined) return agent;
    const holder = peers
      .list()
      .find(
        ({ online, status }) =>
          online && status?.models.some((one) => one.name === name && one.state === 'ready') === true,
      );
    if (holder === undefined)
      throw new ApiError('model_not_ready', `No agent has the file of ${name} yet.`, {
        retryAfterSeconds: 2,
      });
    return holder.id;
  }

  async *#createHere(
    { name, content, user }: Extract<ManageRequest, { kind: 'create' }>,
    signal: AbortSignal,
  ): AsyncGenerator<ProgressResponse> {
    const { blobs } = this.#options;
    const manifest = yield* createModel(content, {
      blobs,
      base: (from) => this.#base(canonicalModelName(from)),
      fetch: (digest) => this.#fetch(digest, signal),
    });
    signal.throwIfAborted();
    yield { status: 'writing manifest' };
    await this.#put(name, manifest, user);
  }

  async *#pushHere(
    { name, to, insecure }: Extract<ManageRequest, { kind: 'push' }>,
    signal: AbortSignal,
  ): AsyncGenerator<ProgressResponse> {
    const { agent, own } = this.#options;
    const model = own.find(name);
    if (model?.holder !== agent) throw notFound(name);
    yield* pushModel(model, parseRegistryName(to, insecure), this.#registry(signal));
  }

  async #put(name: string, manifest: OwnModel['manifest'], user: string): Promise<void> {
    const { agent, catalog, log, now } = this.#options;
    const model: OwnModel = { manifest, holder: agent, createdAt: now().getTime(), createdBy: user };
    await catalog.agree({ op: 'putOwnModel', name, model });
    log.info('There is another model.', { model: name, user });
  }

  #registry(signal: AbortSignal): PullOptions {
    const { blobs, registryKey, registryLimits } = this.#options;
    return {
      blobs,
      downloads: this.#downloads,
      key: registryKey,
      limits: { ...defaultRegistryLimits, ...registryLimits },
      signal,
    };
  }

  async #base(name: string): Promise<BaseModel> {
    const { agent, blobs, catalog, own, ready } = this.#options;
    const model = own.find(name);
    if (model !== undefined) {
      if (model.holder !== agent)
        throw new ApiError('model_not_ready', `The files of ${name} are on agent ${model.holder}.`);
      for (const { digest } of model.manifest.layers) await this.blobHere(digest);
      return { layers: model.manifest.layers };
    }
    const spec = catalog.agreed().desired.models.find((one) => canonicalModelName(one.name) === name);
    if (spec === undefined) throw notFound(name);
    const file = ready(name);
    if (file === undefined)
      throw new ApiError('model_not_ready', `${name} is not ready on agent ${agent}.`, {
        retryAfterSeconds: 2,
      });
    const { adapters = [] } = file;
    if (adapters.some(({ scale }) => scale !== 1))
      throw new ApiError(
        'invalid_request',
        `${name} applies adapters with a strength of its own, which cannot be said of models made here.`,
        { param: 'from' },
      );
    const layers: ModelLayer[] = [];
    for (const [index, { digest: hex, path, sizeBytes: size }] of [file, ...adapters].entries()) {
      const digest = `sha256:${hex}`;
      const source = index === 0 ? spec.source : spec.adapters?.[index - 1]?.source;
      await blobs.adopt(digest, path, source !== undefined && 'http' in source);
      layers.push({ mediaType: index === 0 ? layerTypes.model : layerTypes.adapter, digest, size });
    }
    if (file.projector !== undefined) {
      const { digest: hex, path, sizeBytes: size } = file.projector;
      const digest = `sha256:${hex}`;
      await blobs.adopt(digest, path, spec.projector !== undefined && 'http' in spec.projector.source);
      layers.push({ mediaType: layerTypes.projector, digest, size });
    }
    // Manifests of Ollama have no layer for a draft model: the copy is made without. It answers the same, only slower.
    return { layers: [...layers, ...(await this.#textsOf(spec))] };
  }

  /** What a declared model says beside its file, as layers. */
  async #textsOf({ parameters, system, template }: ModelSpec): Promise<BaseModel['layers']> {
    const texts: [string, string | undefined][] = [
      [layerTypes.template, template],
      [layerTypes.system, system],
      [layerTypes.params, parameters === undefined ? undefined : JSON.stringify(parameters)],
    ];
    const given = texts.filter((pair): pair is [string, string] => pair[1] !== undefined && pair[1] !== '');
    return Promise.all(
      given.map(async ([mediaType, text]) => {
        const { digest, size } = await this.#options.blobs.add(Buffer.from(text));
        return { mediaType, digest, size };
      }),
    );
  }

  /** Makes sure that an uploaded blob is here: behind a balancer it may have come to another agent. */
  async #fetch(digest: string, signal: AbortSignal): Promise<number> {
    const { blobs, log, peers } = this.#options;
    const here = await blobs.size(digest);
    if (here !== undefined) return here;
    for (const peer of await peersWithBlob(peers, digest, signal)) {
      try {
        const answer = await openPeerBlob(peers, peer, digest, signal);
        await blobs.write(digest, answer, Number(answer.headers['content-length'] ?? 0));
        return (await this.blobHere(digest)).size;
      } catch (error) {
        signal.throwIfAborted();
        if (isApiError(error) && error.code === 'disk_full') throw error;
        log.warn('A blob could not be fetched from another agent.', { digest, peer, error });
      }
    }
    throw new ApiError('blob_not_found', `No agent has the blob ${digest}.`, { param: 'files' });
  }

  /** As long as it takes until this agent would serve the model, within bounds: the next request is often for it. */
  async #untilServed(name: string, signal: AbortSignal): Promise<void> {
    const { own, view } = this.#options;
    await this.#until(
      () =>
        own.find(name) !== undefined &&
        view.models().some((one) => one.name === name && one.replicasReady > 0),
      (listener) => view.onChange(listener),
      signal,
    );
  }

  async #until(
    accept: () => boolean,
    onChange: (listener: () => void) => () => void,
    signal: AbortSignal,
  ): Promise<void> {
    const over = new AbortController();
    const unsubscribe = onChange(() => {
      if (accept()) over.abort();
    });
    const ends = AbortSignal.any([signal, over.signal]);
    if (!accept()) await sleep(this.#options.settleMs ?? 15_000, ends).catch(() => undefined);
    unsubscribe();
  }
}
