import {
  ApiError,
  canonicalModelName,
  type DesiredState,
  type InferenceRequest,
  type ModelShow,
  type ModelSpec,
  type OwnModel,
} from '@ollamamax/api';
import type { Component, Logger } from '@ollamamax/common';
import type { Catalog } from '../../catalog/catalog.ts';
import type { CatalogState } from '../../catalog/state/catalog-state.ts';
import { readModelFacts } from '../model-facts.ts';
import type { BlobStore } from './blob-store.ts';
import { layerTypes } from './layer-types.ts';
import { readOwnTexts, type OwnTexts } from './own-texts.ts';

export interface OwnModelsOptions {
  readonly agent: string;
  readonly catalog: Pick<Catalog, 'agreed' | 'onAgreed'>;
  readonly blobs: BlobStore;
  /** Whether a request still needs the file of this digest, in hex. */
  readonly inUse: (digest: string) => boolean;
  /** Whether what this agent has learned is what the cluster has agreed on, as far as it can know. */
  readonly current: () => boolean;
  readonly log: Logger;
  /** Between two looks for blobs that belong to no model, in milliseconds. */
  readonly sweepMs?: number;
}

/** What is known of a model whose blobs are here. */
interface Held {
  readonly model: OwnModel;
  readonly texts: OwnTexts;
  /** The file brings a template of its own, which is used instead of one that cannot be rendered. */
  readonly hasTemplate: boolean;
}

type Of = Pick<CatalogState, 'desired' | 'ownModels'>;

const digestsOf = ({ manifest }: OwnModel): string[] =>
  [manifest.config, ...manifest.layers].map(({ digest }) => digest);

const hexOf = (digest: string): string => digest.slice('sha256:'.length);

/** The layer with the weights. */
const modelLayerOf = ({ manifest }: OwnModel): OwnModel['manifest']['config'] | undefined =>
  manifest.layers.find(({ mediaType }) => mediaType === layerTypes.model);

/** The models that people manage through Ollama's API, as ones to be placed and served like those that are declared. */
export class OwnModels implements Component {
  readonly name = 'own models';
  readonly #options: OwnModelsOptions;
  readonly #listeners = new Set<() => void>();
  readonly #stopped = new AbortController();
  #held = new Map<string, Held>();
  #seen: Of | undefined;
  #served: DesiredState | undefined;
  #taken: Of | undefined;
  #digests: { readonly of: CatalogState['ownModels']; readonly all: ReadonlySet<string> } | undefined;
  #reading: Promise<void> = Promise.resolve();
  #unsubscribe: (() => void) | undefined;
  #sweeper: NodeJS.Timeout | undefined;

  constructor(options: OwnModelsOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#options.blobs.open();
    this.#unsubscribe = this.#options.catalog.onAgreed((state) => this.#take(state));
    this.#take(this.#options.catalog.agreed());
    await this.#reading;
    this.#sweeper = setInterval(() => this.#later(() => this.#sweep()), this.#options.sweepMs ?? 10_000);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#unsubscribe?.();
    clearInterval(this.#sweeper);
    await this.#reading;
  }

  /** Called when what is served is another set. Returns the unsubscribe function. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What is declared, and the own models that this does not hide; the same object until something changes. */
  served(): DesiredState {
    const { desired, ownModels } = this.#options.catalog.agreed();
    if (this.#seen?.desired !== desired || this.#seen.ownModels !== ownModels || this.#served === undefined) {
      this.#seen = { desired, ownModels };
      const visible = this.#visible(this.#seen).map(([name, model]) => this.#specOf(name, model));
      this.#served = visible.length === 0 ? desired : { ...desired, models: [...desired.models, ...visible] };
    }
    return this.#served;
  }

  /** False for an own model whose blobs are here and whose texts are not known yet; canonical name. */
  isKnown(name: string): boolean {
    const model = this.find(name);
    return model?.holder !== this.#options.agent || this.#held.get(name)?.model === model;
  }

  /** The own model of this name, unless a declared one hides it. @param name canonical */
  find(name: string): OwnModel | undefined {
    return this.#visible(this.#options.catalog.agreed()).find(([own]) => own === name)?.[1];
  }

  /**
   * A request as its model wants it: a chat begins with the model's own messages.
   * @throws ApiError template_failed for a chat with a model that has only a template that cannot be rendered
   */
  prepare(request: InferenceRequest): InferenceRequest {
    const held = this.#held.get(request.model);
    if (held === undefined || request.input.kind !== 'chat') return request;
    const { goTemplate, messages } = held.texts;
    if (goTemplate !== undefined && !held.hasTemplate)
      throw new ApiError(
        'template_failed',
        `${request.model} has only a template in Go's template language, which cannot be rendered here; give it one in Jinja with POST /api/create.`,
      );
    if (messages.length === 0) return request;
    return { ...request, input: { ...request.input, messages: [...messages, ...request.input.messages] } };
  }

  /** What /api/show tells of a model, with the texts that its file does not have. */
  describe(show: ModelShow): ModelShow {
    const held = this.#held.get(show.name);
    if (held === undefined) return show;
    const { goTemplate, license, messages } = held.texts;
    return {
      ...show,
      ...(goTemplate === undefined ? {} : { template: goTemplate }),
      ...(license === '' ? {} : { license }),
      ...(messages.length === 0 ? {} : { messages: [...messages] }),
    };
  }

  #visible({ desired, ownModels }: Of): [string, OwnModel][] {
    const own = Object.entries(ownModels);
    if (own.length === 0) return own;
    const declared = new Set(desired.models.map(({ name }) => canonicalModelName(name)));
    return own.filter(([name]) => !declared.has(name));
  }

  #specOf(name: string, model: OwnModel): ModelSpec {
    const { agent, blobs } = this.#options;
    const layer = modelLayerOf(model);
    const held = this.#held.get(name);
    const digest = layer?.digest ?? model.manifest.config.digest;
    const adapters = model.manifest.layers
      .filter(({ mediaType }) => mediaType === layerTypes.adapter)
      .map((adapter) => ({ source: { file: blobs.path(adapter.digest) }, sha256: hexOf(adapter.digest) }));
    const projector = model.manifest.layers.find(({ mediaType }) => mediaType === layerTypes.projector);
    const { texts } = held?.model === model && model.holder === agent ? held : { texts: undefined };
    return {
      name,
      source: { file: blobs.path(digest) },
      sha256: hexOf(digest),
      replicas: 1,
      agents: [model.holder],
      ...(adapters.length === 0 ? {} : { adapters }),
      ...(projector === undefined
        ? {}
        : {
            projector: { source: { file: blobs.path(projector.digest) }, sha256: hexOf(projector.digest) },
          }),
      ...(texts === undefined ? {} : { parameters: texts.parameters }),
      ...(texts?.jinja === undefined ? {} : { template: texts.jinja }),
      ...(texts?.system === undefined ? {} : { system: texts.system }),
    };
  }

  #take(state: Of): void {
    const { blobs, log } = this.#options;
    const before = this.#taken;
    if (before?.ownModels === state.ownModels && before.desired === state.desired) return;
    this.#taken = state;
    const hidden = (of: Of | undefined): Set<string> => {
      const visible = new Set(of === undefined ? [] : this.#visible(of).map(([name]) => name));
      return new Set(Object.keys(of?.ownModels ?? {}).filter((name) => !visible.has(name)));
    };
    const already = hidden(before);
    for (const name of hidden(state))
      if (!already.has(name))
        log.warn('A model made through the API is hidden: the desired state declares one of its name.', {
          model: name,
        });
    blobs.referenced(this.#referenced(state));
    this.#later(() => this.#read(state));
  }

  /** Digests of what models here are made of; the same object until there are others. */
  #referenced({ ownModels }: Pick<CatalogState, 'ownModels'>): ReadonlySet<string> {
    if (this.#digests?.of !== ownModels) {
      const here = Object.values(ownModels).filter(({ holder }) => holder === this.#options.agent);
      this.#digests = { of: ownModels, all: new Set(here.flatMap(digestsOf)) };
    }
    return this.#digests.all;
  }

  /** One after the other, each with the newest state. */
  #later(work: () => Promise<void>): void {
    this.#reading = this.#reading.then(async () => {
      if (this.#stopped.signal.aborted) return;
      try {
        await work();
      } catch (error) {
        this.#options.log.error('The models of people could not be looked after.', { error });
      }
    });
  }

  async #read(state: Of): Promise<void> {
    const held = new Map<string, Held>();
    for (const [name, model] of this.#visible(state)) {
      if (model.holder !== this.#options.agent) continue;
      const known = this.#held.get(name);
      const one = known?.model === model ? known : await this.#readOne(name, model);
      if (one !== undefined) held.set(name, one);
    }
    this.#held = held;
    this.#served = undefined;
    for (const listener of this.#listeners) listener();
    await this.#sweep();
  }

  async #readOne(name: string, model: OwnModel): Promise<Held | undefined> {
    const { blobs, log } = this.#options;
    try {
      const texts = await readOwnTexts(blobs, model.manifest.layers);
      const layer = modelLayerOf(model);
      const facts = layer === undefined ? undefined : await readModelFacts(blobs.path(layer.digest));
      return { model, texts, hasTemplate: (facts?.template ?? '') !== '' };
    } catch (error) {
      log.error('The blobs of a model cannot be read.', { model: name, error });
      return undefined;
    }
  }

  async #sweep(): Promise<void> {
    const { blobs, catalog, current, inUse } = this.#options;
    await blobs.sweep({
      isReferenced: (digest) => this.#referenced(catalog.agreed()).has(digest),
      // What an agent knows after its start may be of long ago: nothing is removed for that.
      inUse: (digest) => !current() || inUse(digest),
    });
  }
}
