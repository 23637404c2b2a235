import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ModelSpec, ModelStatus } from '@ollamamax/api';
import { silentLogger, sleep, type Component } from '@ollamamax/common';
import { createModelStore, type LocalModelStoreLimits, type ModelStoreOptions } from './local-model-store.ts';
import type { ModelStore } from './model-store.ts';

/** What the tests of the model store share: the bundled models, real directories and real servers. */
export const bundled = (name: string): string =>
  fileURLToPath(new URL(`../../../models/${name}`, import.meta.url));
export const tiny = bundled('ollamamax-tiny-q8_0.gguf');
export const tinyDigest = '831d48e79f054325e92f44caa5de275a621379b03159bc173b50fc509ffeeaa4';
export const tinyBytes = 2998560;

const quick: Partial<LocalModelStoreLimits> = {
  checkMs: 50,
  slowRetryMs: 50,
  retry: { minMs: 10, maxMs: 50 },
};

export type StoreOptions = Partial<ModelStoreOptions>;

/** An open store, and how to change what it is to hold. */
export interface OpenStore {
  readonly store: ModelStore & Component;
  /**
   * @param placed models that this agent is to hold
   * @param desired models of the whole cluster, undefined when they are not known; those placed when left out
   */
  place(placed: readonly ModelSpec[], ...desired: [(readonly ModelSpec[] | undefined)?]): void;
}

/** A directory and what a test opened in it. */
export class StoreHarness {
  directory = '';
  readonly #stops: (() => Promise<unknown>)[] = [];

  async setUp(): Promise<void> {
    this.directory = await mkdtemp(join(tmpdir(), 'model-store-'));
  }

  async tearDown(): Promise<void> {
    for (const stop of this.#stops.splice(0).reverse()) await stop();
    await rm(this.directory, { recursive: true, force: true });
  }

  async open(initial: readonly ModelSpec[], options: StoreOptions = {}): Promise<OpenStore> {
    let placed = initial;
    let desired: readonly ModelSpec[] | undefined = initial;
    let listener = (): void => undefined;
    const store = createModelStore({
      dataDir: join(this.directory, 'data'),
      modelDir: join(this.directory, 'models'),
      placed: () => placed,
      desired: () => desired,
      onPlacedChange: (next) => {
        listener = next;
        return () => undefined;
      },
      settings: () => ({}),
      logger: silentLogger,
      ...options,
      limits: { ...quick, ...options.limits },
    });
    await store.start?.(AbortSignal.timeout(10_000));
    this.#stops.push(async () => store.stop?.(AbortSignal.timeout(10_000)));
    return {
      store,
      place: (next, ...known): void => {
        placed = next;
        desired = known.length === 0 ? next : known[0];
        listener();
      },
    };
  }

  /** @returns the URL of a model at a server that answers so */
  async serve(listener: RequestListener): Promise<string> {
    const server: Server = createServer(listener);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#stops.push(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/model.gguf`;
  }

  async blobs(): Promise<string[]> {
    return (await readdir(join(this.directory, 'models', 'blobs'))).sort();
  }
}

/** Answers with the bundled model. */
export const giveTiny: RequestListener = (_request, response) => {
  void readFile(tiny).then((content) =>
    response.writeHead(200, { 'content-length': content.length }).end(content),
  );
};

export const eventually = async (what: string, accept: () => Promise<boolean> | boolean): Promise<void> => {
  const end = Date.now() + 30_000;
  while (!(await accept())) {
    if (Date.now() > end) throw new Error(`${what} did not happen`);
    await sleep(10);
  }
};

export const until = async (
  store: ModelStore,
  name: string,
  accept: (status: ModelStatus) => boolean,
): Promise<ModelStatus> => {
  const end = Date.now() + 30_000;
  for (;;) {
    const status = store.list().find((model) => model.name === name);
    if (status !== undefined && accept(status)) return status;
    if (Date.now() > end) throw new Error(`${name} is still ${JSON.stringify(status)}`);
    await sleep(10);
  }
};
