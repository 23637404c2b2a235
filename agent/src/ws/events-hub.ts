import { eventLimits, eventTopics, type EventTopic } from '@ollamamax/api';
import type { ClusterViewSource } from './cluster-view.ts';
import { TopicLog, type TopicEvent } from './topic-log.ts';

/** Changes arrive in bursts; one frame per quarter second carries them all. */
const changeMs = 250;
const metricsMs = 1000;

export type TopicListener = (topic: EventTopic, event: TopicEvent) => void;

export interface EventsHubOptions {
  readonly view: ClusterViewSource;
  /** Milliseconds; replaced in tests. */
  readonly now?: () => number;
}

/**
 * Turns the cluster view into numbered events per topic. Works only while somebody listens, and for as long after
 * as a listener that comes back may ask for a replay.
 */
export class EventsHub {
  readonly #view: ClusterViewSource;
  readonly #now: () => number;
  readonly #topics: Readonly<Record<EventTopic, TopicLog>>;
  readonly #listeners = new Set<TopicListener>();
  #stopWatching: (() => void) | undefined;
  #changeTimer: NodeJS.Timeout | undefined;
  #metricsTimer: NodeJS.Timeout | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: EventsHubOptions) {
    this.#view = options.view;
    this.#now = options.now ?? Date.now;
    const log = (topic: EventTopic): TopicLog => new TopicLog({ epoch: `${options.view.bootId}.${topic}` });
    this.#topics = { cluster: log('cluster'), models: log('models'), metrics: log('metrics') };
  }

  /** The topic, brought up to date. Listeners get what that changed before this returns. */
  topic(topic: EventTopic): TopicLog {
    this.#refresh(topic);
    return this.#topics[topic];
  }

  /** Calls back with each event from now on; returns how to stop that. */
  listen(listener: TopicListener): () => void {
    this.#listeners.add(listener);
    this.#start();
    return () => {
      if (!this.#listeners.delete(listener) || this.#listeners.size > 0) return;
      clearTimeout(this.#idleTimer);
      this.#idleTimer = setTimeout(() => this.close(), eventLimits.replayMs).unref();
    };
  }

  /** Stops the timers; a later listener starts them again. */
  close(): void {
    clearTimeout(this.#idleTimer);
    clearTimeout(this.#changeTimer);
    clearInterval(this.#metricsTimer);
    this.#changeTimer = undefined;
    this.#stopWatching?.();
    this.#stopWatching = undefined;
  }

  #start(): void {
    clearTimeout(this.#idleTimer);
    if (this.#stopWatching !== undefined) return;
    this.#stopWatching = this.#view.onChange(() => {
      this.#changeTimer ??= setTimeout(() => {
        this.#changeTimer = undefined;
        this.#refresh('cluster');
        this.#refresh('models');
      }, changeMs).unref();
    });
    this.#metricsTimer = setInterval(() => this.#refresh('metrics'), metricsMs).unref();
    for (const topic of eventTopics) this.#refresh(topic);
  }

  #refresh(topic: EventTopic): void {
    const event = this.#topics[topic].update(this.#read(topic), this.#now());
    if (event === undefined) return;
    for (const listener of this.#listeners) listener(topic, event);
  }

  #read(topic: EventTopic): Iterable<readonly [string, unknown]> {
    switch (topic) {
      case 'cluster':
        return this.#view.agents().map((agent) => [agent.id, agent] as const);
      case 'models':
        return this.#view.models().map((model) => [model.name, model] as const);
      case 'metrics':
        return Object.entries(this.#view.metrics());
    }
  }
}
