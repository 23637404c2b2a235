import { join } from 'node:path';
import { canonicalModelName, type ModelShow, type ModelSpec, type NodeConfig } from '@ollamamax/api';
import type { Logger } from '@ollamamax/common';
import type { Catalog, Consensus } from '../../catalog/catalog.ts';
import type { AskPeers, Peers } from '../../p2p/peers.ts';
import { placedHere } from '../../scheduler/placed-here.ts';
import type { ModelStore } from '../model-store.ts';
import { openRegistryKey } from '../registry/registry-key.ts';
import { BlobStore } from './blob-store.ts';
import { OwnModels } from './own-models.ts';
import { OwnModelService, type OwnModelServiceOptions } from './own-model-service.ts';

export interface OwnModelParts {
  readonly own: OwnModels;
  readonly service: OwnModelService;
  /** Declared models and those of people: what requests may ask for. */
  readonly serving: Pick<Catalog, 'state' | 'agreed' | 'onAgreed'>;
  /** Those of them that this agent is to have now. */
  readonly placed: () => readonly ModelSpec[];
  readonly onPlacedChange: (listener: () => void) => () => void;
  /** What is told of a model, with the texts that its file does not have. */
  readonly describe: (show: ModelShow) => ModelShow;
}

export interface OwnModelPartsOptions {
  readonly config: NodeConfig;
  readonly logger: Logger;
  readonly catalog: Catalog;
  readonly consensus: Pick<Consensus, 'status'> & { requireLevel(level: number): Promise<void> };
  readonly peers: Peers & AskPeers;
  /** Not asked before the agent is put together. */
  readonly models: () => Pick<ModelStore, 'get' | 'noteVerified'>;
  readonly view: () => OwnModelServiceOptions['view'];
  readonly inUse: (digest: string) => boolean;
}

/** What an agent has for the models that people manage through Ollama's API. */
export const createOwnModels = (options: OwnModelPartsOptions): OwnModelParts => {
  const { catalog, config, consensus, logger, models, peers, view } = options;
  const agent = config.node.id;
  const log = logger.child({ component: 'own models' });
  const blobs = new BlobStore(join(config.storage.modelDir, 'own'), log, (path, digest) =>
    models().noteVerified(path, digest),
  );
  const own = new OwnModels({
    agent,
    catalog,
    blobs,
    inUse: options.inUse,
    current: () => consensus.status().leader !== undefined,
    log,
  });
  const service = new OwnModelService({
    agent,
    catalog,
    requireLevel: (level) => consensus.requireLevel(level),
    own,
    blobs,
    ready: (name) => models().get(name),
    peers,
    view: { models: () => view().models(), onChange: (listener) => view().onChange(listener) },
    registryKey: () => openRegistryKey(join(config.storage.dataDir, 'registry-key.pem')),
    now: () => new Date(),
    log,
  });
  return {
    own,
    service,
    serving: {
      state: () => own.served(),
      agreed: () => catalog.agreed(),
      onAgreed: (listener) => catalog.onAgreed(listener),
    },
    placed: () =>
      placedHere(agent, own.served(), peers.list()).filter(({ name }) =>
        own.isKnown(canonicalModelName(name)),
      ),
    describe: (show) => own.describe(show),
    onPlacedChange: (listener) => {
      const unsubscribe = [catalog, own, peers].map((source) => source.onChange(listener));
      return () => {
        for (const stop of unsubscribe) stop();
      };
    },
  };
};
