import { performance } from 'node:perf_hooks';
import { createSecureContext } from 'node:tls';
import {
  ApiError,
  AgentStatus,
  Admission,
  compileValidator,
  describeProblems,
  internalPaths,
} from '@ollamamax/api';
import type { AdmissionRequest, ModelChunks, ModelShow, Validator } from '@ollamamax/api';
import { backoffDelay, secureContextOptions, sleep } from '@ollamamax/common';
import type { Component, Logger, TlsMaterial } from '@ollamamax/common';
import { parsePeerAddress, type Discovery, type PeerAddress } from './discovery.ts';
import { Members } from './members.ts';
import { createPeerLink } from './peer-link.ts';
import type { PeerLink } from './peer-link.ts';
import { defaultPollingLimits, type PollingLimits } from './polling-limits.ts';
import type { AskPeers, Peers } from './peers.ts';
import { streamInference } from './inference-stream.ts';

export interface PollingPeersOptions {
  readonly selfId: string;
  readonly cluster: string;
  readonly tls: TlsMaterial;
  readonly discovery: Discovery;
  readonly pollMs: number;
  readonly log: Logger;
  readonly limits?: Partial<PollingLimits>;
}

/** One address, its poll loop and what it last said. */
interface Entry {
  readonly target: PeerAddress;
  readonly link: PeerLink;
  readonly stopped: AbortController;
  id: string | undefined;
  online: boolean;
  missed: number;
  status: AgentStatus | undefined;
  lastSeen: string | undefined;
  /** Monotonic time of the last answer, of the start before the first. */
  heardAt: number;
  /** Monotonic time since when it is offline. */
  offlineAt: number | undefined;
  found: boolean;
  lastProblem: string | undefined;
  /** Resolves after the first poll, answered or not. */
  readonly firstPoll: Promise<undefined>;
  readonly asked: () => void;
  /** Ends the pause before the next poll. */
  wake: () => void;
  /** Cuts silent streams, once the peer is lost. */
  readonly streams: Set<(lostSince: number) => void>;
}

const validateStatus = compileValidator(AgentStatus);
const validateAdmission = compileValidator(Admission);

const checked = <T>(validator: Validator<T>, value: unknown): T => {
  const result = validator(value);
  if (result.ok) return result.value;
  throw new Error(`its answer is not understood: ${describeProblems(result.problems.slice(0, 3))}`);
};

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Everything but figures that change with every poll. */
const visiblePart = ({ load: _load, resources: _resources, ...rest }: AgentStatus): string =>
  JSON.stringify(rest);

export interface PollingPeers extends Peers, AskPeers, Component {
  /** New connections use these certificates; those that are there go on with theirs. */
  renew(material: TlsMaterial): void;
}

/** Peers behind mutual TLS, asked for their status about once a second. */
export const createPollingPeers = (options: PollingPeersOptions): PollingPeers => {
  const limits = { ...defaultPollingLimits, ...options.limits };
  const { log, pollMs, selfId } = options;
  let secureContext = createSecureContext(secureContextOptions(options.tls));
  const entries = new Map<string, Entry>();
  const listeners = new Set<() => void>();
  const stopped = new AbortController();
  const loops = new Set<Promise<void>>();
  let loadTick: NodeJS.Timeout | undefined;
  const members = new Members<Entry>({
    places: () => entries.values(),
    selfId,
    forgetMs: limits.forgetMs,
  });

  const notify = (): void => {
    clearTimeout(loadTick);
    loadTick = undefined;
    for (const listener of listeners) listener();
  };
  /** Changed figures are told at most once per poll interval. */
  const notifyLoad = (): void => {
    loadTick ??= setTimeout(notify, pollMs).unref();
  };

  const answered = (entry: Entry, status: AgentStatus): void => {
    const visible =
      !entry.online || entry.status === undefined || visiblePart(entry.status) !== visiblePart(status);
    if (!entry.online) log.info('peer is online', { peer: status.id, address: entry.target.address });
    Object.assign(entry, {
      id: status.id,
      online: true,
      missed: 0,
      status,
      lastSeen: new Date().toISOString(),
      heardAt: performance.now(),
      offlineAt: undefined,
      lastProblem: undefined,
    });
    if (status.id === selfId) return;
    // Another process of that agent answers here: whoever was at its other address is not there any more.
    const superseded = members.heard(entry);
    for (const other of superseded) {
      Object.assign(other, { online: false, offlineAt: performance.now() });
      other.missed = Math.max(other.missed, limits.missedPolls);
      log.info('peer has moved', { peer: status.id, from: other.target.address, to: entry.target.address });
    }
    if (visible) notify();
    else notifyLoad();
  };

  const missed = (entry: Entry, error: unknown): void => {
    entry.missed += 1;
    const problem = messageOf(error);
    if (problem !== entry.lastProblem)
      log.debug('peer did not answer', { peer: entry.id, address: entry.target.address, problem });
    entry.lastProblem = problem;
    if (entry.missed < limits.missedPolls) return;
    if (entry.online) {
      entry.online = false;
      entry.offlineAt = performance.now();
      log.warn('peer is offline', { peer: entry.id, address: entry.target.address, problem });
      notify();
    }
    if (entry.offlineAt !== undefined && performance.now() - entry.offlineAt >= limits.lostPeerMs)
      for (const cut of entry.streams) cut(entry.offlineAt);
  };

  const poll = async (entry: Entry): Promise<void> => {
    const signal = AbortSignal.any([entry.stopped.signal, AbortSignal.timeout(limits.statusMs)]);
    try {
      const { value, peerId } = await entry.link.json(
        { method: 'GET', path: internalPaths.status, signal },
        limits.statusBytes,
      );
      const status = checked(validateStatus, value);
      if (status.id !== peerId)
        throw new Error(`it calls itself ${status.id}, but its certificate is that of ${peerId}`);
      if (status.cluster !== options.cluster) throw new Error(`it belongs to cluster ${status.cluster}`);
      answered(entry, status);
    } catch (error) {
      if (entry.stopped.signal.aborted) return;
      missed(entry, signal.aborted ? new Error(`no status within ${limits.statusMs} ms`) : error);
    }
  };

  const pause = async (entry: Entry): Promise<void> => {
    const failing = entry.missed - limits.missedPolls;
    const base =
      failing < 0
        ? pollMs
        : Math.max(pollMs, backoffDelay(failing, { minMs: pollMs, maxMs: limits.maxBackoffMs }));
    const delay = Math.min(base, Math.max(pollMs, limits.maxBackoffMs)) * (0.9 + Math.random() * 0.2);
    const woken = new AbortController();
    const earliest = performance.now() + Math.min(50, pollMs);
    entry.wake = () => woken.abort();
    await sleep(delay, AbortSignal.any([entry.stopped.signal, woken.signal])).catch(() => undefined);
    const early = earliest - performance.now();
    if (woken.signal.aborted && early > 0) await sleep(early, entry.stopped.signal).catch(() => undefined);
  };

  const follow = async (entry: Entry): Promise<void> => {
    while (!entry.stopped.signal.aborted) {
      await poll(entry);
      entry.asked();
      await pause(entry);
    }
  };

  const linkTo = (target: PeerAddress): PeerLink =>
    createPeerLink({
      target,
      cluster: options.cluster,
      secureContext: () => secureContext,
      connectMs: limits.connectMs,
      maxStreams: limits.maxStreams,
    });

  const add = (target: PeerAddress): void => {
    const { promise: firstPoll, resolve: asked } = Promise.withResolvers<undefined>();
    const entry: Entry = {
      firstPoll,
      asked: () => asked(undefined),
      target,
      link: linkTo(target),
      stopped: new AbortController(),
      id: target.id,
      online: false,
      missed: 0,
      status: undefined,
      lastSeen: undefined,
      heardAt: performance.now(),
      offlineAt: undefined,
      found: true,
      lastProblem: undefined,
      wake: () => undefined,
      streams: new Set(),
    };
    entries.set(target.address, entry);
    const loop = follow(entry).finally(() => loops.delete(loop));
    loops.add(loop);
  };

  const forget = (entry: Entry): void => {
    entries.delete(entry.target.address);
    entry.stopped.abort();
    entry.link.close();
    log.debug('address is forgotten', { peer: entry.id, address: entry.target.address });
  };

  const refresh = async (): Promise<void> => {
    const found = await options.discovery(stopped.signal);
    if (stopped.signal.aborted) return;
    const addresses = new Set(found.map((target) => target.address));
    for (const entry of [...entries.values()]) {
      entry.found = addresses.has(entry.target.address);
      if (!entry.found && !entry.online && members.isSpent(entry, performance.now())) forget(entry);
    }
    const gone = members.forget(performance.now());
    for (const id of gone) log.info('peer is gone', { peer: id });
    if (gone.length > 0) notify();
    for (const target of found) if (target.id !== selfId && !entries.has(target.address)) add(target);
  };

  /** @returns whether the peers could be looked up */
  const lookUp = async (failures: number): Promise<boolean> => {
    try {
      await refresh();
      return true;
    } catch (error) {
      if (failures === 0) log.warn('peers cannot be looked up', { error });
      return false;
    }
  };

  const discover = async (found: boolean): Promise<void> => {
    let failures = found ? 0 : 1;
    while (!stopped.signal.aborted) {
      const delay =
        failures === 0
          ? limits.discoveryMs
          : backoffDelay(failures - 1, { minMs: 250, maxMs: limits.maxBackoffMs });
      const goOn = await sleep(delay, stopped.signal).then(
        () => true,
        () => false,
      );
      if (goOn) failures = (await lookUp(failures)) ? 0 : failures + 1;
    }
  };

  /** Looks the members up; where only their certificates tell who they are, waits until each was asked once. */
  const meet = async (): Promise<void> => {
    const found = await lookUp(0);
    const loop = discover(found).finally(() => loops.delete(loop));
    loops.add(loop);
    const strangers = [...entries.values()].filter((entry) => entry.id === undefined);
    await Promise.all(strangers.map((entry) => entry.firstPoll));
  };

  const entryOf = (peerId: string): Entry => {
    const entry = members.byId().get(peerId);
    if (entry === undefined) throw new ApiError('agent_unreachable', `Agent ${peerId} is not known here.`);
    return entry;
  };

  const admission = async (
    link: PeerLink,
    request: AdmissionRequest,
    signal: AbortSignal,
    expectedId?: string,
  ): Promise<Admission> => {
    const call = {
      method: 'POST',
      path: internalPaths.members,
      body: Buffer.from(JSON.stringify(request)),
      signal,
      ...(expectedId === undefined ? {} : { expectedId }),
    } as const;
    const { value } = await link.json(call, limits.admissionBytes);
    return checked(validateAdmission, value);
  };

  const bounded = (signal: AbortSignal, ms: number): AbortSignal =>
    AbortSignal.any([signal, AbortSignal.timeout(ms)]);

  const get = async (
    peerId: string,
    path: string,
    signal: AbortSignal,
    more: { readonly stream?: boolean } = {},
  ): Promise<unknown> => {
    const call = { method: 'GET', path, signal, expectedId: peerId, ...more } as const;
    return (await entryOf(peerId).link.json(call, limits.showBytes)).value;
  };
  const namedPath = (path: string, name: string): string => path.replace(':name', encodeURIComponent(name));

  return {
    name: 'peers',
    // What is placed where follows from the members: they are known, if they can be, before anything is placed.
    start: async () => {
      const met = new AbortController();
      const late = sleep(limits.meetMs, AbortSignal.any([met.signal, stopped.signal])).catch(() => undefined);
      await Promise.race([meet(), late]);
      met.abort();
    },
    stop: async () => {
      stopped.abort();
      clearTimeout(loadTick);
      for (const entry of entries.values()) {
        entry.stopped.abort();
        entry.link.close();
      }
      await Promise.all(loops);
    },
    list: () => members.list(),
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    lookAgain: async (peerId) => {
      const entry = members.byId().get(peerId);
      if (entry !== undefined) await poll(entry);
    },
    renew: (material) => {
      secureContext = createSecureContext(secureContextOptions(material));
    },
    run: (peerId, request, signal) =>
      streamInference({ peerId, peer: () => entryOf(peerId), request, signal, limits }),
    show: async (peerId, name, verbose, signal) => {
      const path = `${namedPath(internalPaths.show, name)}?verbose=${verbose}`;
      return (await get(peerId, path, bounded(signal, limits.showMs))) as ModelShow;
    },
    chunks: async (peerId, name, signal) => {
      const path = namedPath(internalPaths.chunks, name);
      // Among the streams: it may take minutes, and few connections are kept for short calls.
      return (await get(peerId, path, bounded(signal, limits.chunksMs), { stream: true })) as ModelChunks;
    },
    ask: async (peerId, { method, path, body }, signal) =>
      entryOf(peerId).link.open({
        method,
        path,
        signal,
        stream: true,
        expectedId: peerId,
        ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
      }),
    admit: async (peerId, request, signal) => admission(entryOf(peerId).link, request, signal, peerId),
    leave: async (peerId, signal) => {
      const body = Buffer.from('{}');
      const call = { method: 'POST', path: internalPaths.leave, body, signal, expectedId: peerId } as const;
      await entryOf(peerId).link.json(call, limits.admissionBytes);
    },
    admitAt: async (address, request, signal) => {
      const link = linkTo(parsePeerAddress(address));
      try {
        return await admission(link, request, signal);
      } finally {
        link.close();
      }
    },
  };
};
