import { randomUUID } from 'node:crypto';
import { statfs } from 'node:fs/promises';
import { availableParallelism, freemem } from 'node:os';
import {
  version,
  type AgentDevices,
  type AgentPhase,
  type AgentStatus,
  type ConsensusStatus,
  type ModelStatus,
  type ResidentModel,
} from '@ollamamax/api';
import type { Component } from '@ollamamax/common';
import { readAvailableMemory, totalMemory } from '../available-memory.ts';
import { featureLevel } from '../catalog/state/catalog-state.ts';
import type { AgentTotals } from './agent-metrics.ts';

export interface StatusSources {
  readonly id: string;
  readonly cluster: string;
  phase(): AgentPhase;
  urls(): { readonly apiUrl: string; readonly dashboardUrl?: string };
  catalogRevision(): number;
  catalogHash(): string;
  consensus(): ConsensusStatus;
  /** Folder of the model files. */
  readonly modelDir: string;
  totals(): AgentTotals;
  models(): readonly ModelStatus[];
  resident(): ReadonlyMap<string, ResidentModel>;
  /** Left out: nothing is known of any. */
  devices?(): AgentDevices | undefined;
}

const sampleMs = 1000;

/** What this agent says of itself, with rates over the last second. */
export class StatusReporter implements Component {
  readonly name = 'status';
  readonly bootId: string = randomUUID();
  readonly #sources: StatusSources;
  readonly #startedAt = new Date().toISOString();
  readonly #listeners = new Set<() => void>();
  #last: { readonly at: number; readonly requests: number; readonly tokens: number } = {
    at: 0,
    requests: 0,
    tokens: 0,
  };
  #rates = { requestsPerSecond: 0, tokensPerSecond: 0 };
  #memoryAvailable = freemem();
  #storageTotal: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(sources: StatusSources) {
    this.#sources = sources;
  }

  async start(): Promise<void> {
    this.#memoryAvailable = await readAvailableMemory();
    await this.#sizeStorage();
    this.#last = { at: performance.now(), requests: 0, tokens: 0 };
    this.#timer = setInterval(() => {
      this.#sample().catch(() => undefined);
    }, sampleMs);
  }

  stop(): Promise<void> {
    clearInterval(this.#timer);
    return Promise.resolve();
  }

  /** Called after each sample. */
  onSample(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  status(): AgentStatus {
    const sources = this.#sources;
    const { requests, errors, tokens, openStreams } = sources.totals();
    const inMemory = sources.resident();
    let inFlight = 0;
    let queued = 0;
    for (const model of inMemory.values()) {
      inFlight += model.busySlots + model.queued;
      queued += model.queued;
    }
    const { apiUrl, dashboardUrl } = sources.urls();
    const devices = sources.devices?.();
    return {
      id: sources.id,
      cluster: sources.cluster,
      version,
      bootId: this.bootId,
      startedAt: this.#startedAt,
      phase: sources.phase(),
      apiUrl,
      ...(dashboardUrl === undefined ? {} : { dashboardUrl }),
      catalogRevision: sources.catalogRevision(),
      catalogHash: sources.catalogHash(),
      featureLevel,
      consensus: sources.consensus(),
      load: {
        inFlight,
        queued,
        openStreams,
        ...this.#rates,
        requestsTotal: requests,
        errorsTotal: errors,
        tokensTotal: tokens,
      },
      resources: {
        cpuCores: availableParallelism(),
        memoryTotalBytes: totalMemory(),
        memoryAvailableBytes: this.#memoryAvailable,
        residentBytes: process.memoryUsage.rss(),
        ...(this.#storageTotal === undefined ? {} : { storageTotalBytes: this.#storageTotal }),
        ...(devices === undefined ? {} : { devices }),
      },
      models: sources.models().map((model) => {
        const held = inMemory.get(model.name);
        return held === undefined ? model : { ...model, resident: held };
      }),
    };
  }

  async #sample(): Promise<void> {
    const at = performance.now();
    const { requests, tokens } = this.#sources.totals();
    const seconds = Math.max(0.001, (at - this.#last.at) / 1000);
    this.#rates = {
      requestsPerSecond: round((requests - this.#last.requests) / seconds),
      tokensPerSecond: round((tokens - this.#last.tokens) / seconds),
    };
    this.#last = { at, requests, tokens };
    for (const listener of this.#listeners) listener();
    this.#memoryAvailable = await readAvailableMemory();
    if (this.#storageTotal === undefined) await this.#sizeStorage();
  }

  /** The folder may come to be later. */
  async #sizeStorage(): Promise<void> {
    try {
      const { blocks, bsize } = await statfs(this.#sources.modelDir);
      this.#storageTotal = blocks * bsize;
    } catch {
      this.#storageTotal = undefined;
    }
  }
}

const round = (value: number): number => Math.round(value * 10) / 10;
