import type {
  ClusterEventValue,
  EventOp,
  EventPosition,
  EventTopic,
  MetricsEventValue,
  ModelEventValue,
  ServerFrame,
} from '@ollamamax/api';

export interface TopicValues {
  readonly cluster: ClusterEventValue;
  readonly models: ModelEventValue;
  readonly metrics: MetricsEventValue;
}

/** One topic as this page holds it. */
export interface TopicState<T> {
  readonly values: Readonly<Record<string, T>>;
  /** Undefined until the first snapshot is complete. */
  readonly position: EventPosition | undefined;
  /** Parts of a snapshot that is not complete yet. */
  readonly incoming: Readonly<Record<string, T>> | undefined;
  /** The next delta may skip numbers, because the agent said that it merged some. */
  readonly maySkip: boolean;
}

export type LiveState = { readonly [Topic in EventTopic]: TopicState<TopicValues[Topic]> };

const emptyTopic = { values: {}, position: undefined, incoming: undefined, maySkip: false };

export const emptyLiveState: LiveState = { cluster: emptyTopic, models: emptyTopic, metrics: emptyTopic };

type TopicFrame = Extract<ServerFrame, { type: 'snapshot' | 'delta' | 'resumed' | 'lagged' | 'bookmark' }>;

const applyOps = <T>(values: Readonly<Record<string, T>>, ops: readonly EventOp[]): Record<string, T> => {
  const next = new Map(Object.entries(values));
  for (const op of ops) {
    if (op.op === 'put') next.set(op.key, op.value as T);
    else next.delete(op.key);
  }
  return Object.fromEntries(next);
};

const applyToTopic = <T>(topic: TopicState<T>, frame: TopicFrame): TopicState<T> | 'gap' => {
  switch (frame.type) {
    case 'snapshot': {
      const incoming = {
        ...(frame.part === 0 ? {} : topic.incoming),
        ...(frame.data as Record<string, T>),
      };
      if (!frame.last) return { ...topic, incoming };
      return {
        values: incoming,
        position: { epoch: frame.epoch, seq: frame.seq },
        incoming: undefined,
        maySkip: false,
      };
    }
    case 'lagged':
      return { ...topic, maySkip: true };
    case 'delta': {
      const { position } = topic;
      if (position === undefined) return 'gap';
      const isNext = frame.seq === position.seq + 1;
      if (!isNext && !(topic.maySkip && frame.seq > position.seq)) return 'gap';
      return {
        ...topic,
        values: applyOps(topic.values, frame.ops),
        position: { ...position, seq: frame.seq },
        maySkip: false,
      };
    }
    case 'resumed':
      return topic.position?.seq === frame.seq ? topic : 'gap';
    case 'bookmark':
      return topic.position?.seq === frame.seq ? topic : 'gap';
  }
};

/** The state after a frame; subscriptions carry the topic's name as id. `gap`: something is missing, subscribe anew. */
export const applyFrame = (state: LiveState, frame: TopicFrame): LiveState | 'gap' => {
  switch (frame.id) {
    case 'cluster': {
      const cluster = applyToTopic(state.cluster, frame);
      return cluster === 'gap' ? 'gap' : { ...state, cluster };
    }
    case 'models': {
      const models = applyToTopic(state.models, frame);
      return models === 'gap' ? 'gap' : { ...state, models };
    }
    case 'metrics': {
      const metrics = applyToTopic(state.metrics, frame);
      return metrics === 'gap' ? 'gap' : { ...state, metrics };
    }
    default:
      return state;
  }
};
