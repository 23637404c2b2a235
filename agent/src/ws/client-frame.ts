import { eventTopics, type ClientFrame, type EventPosition, type EventTopic } from '@ollamamax/api';

const maxIdLength = 64;

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isId = (value: unknown): value is string =>
  typeof value === 'string' && value.length > 0 && value.length <= maxIdLength;

export const isTopic = (value: unknown): value is EventTopic =>
  (eventTopics as readonly unknown[]).includes(value);

const toPosition = (value: unknown): EventPosition | undefined =>
  isRecord(value) && typeof value.epoch === 'string' && Number.isSafeInteger(value.seq)
    ? { epoch: value.epoch, seq: value.seq as number }
    : undefined;

/** A well-formed frame; the topic is checked later, because an unknown one is answered, not punished. */
export type ParsedFrame =
  | Exclude<ClientFrame, { type: 'subscribe' }>
  | {
      readonly type: 'subscribe';
      readonly id: string;
      readonly topic: string;
      readonly from?: EventPosition;
    };

/** The frame in a text message, or undefined when it is malformed. Unknown members are ignored. */
export const parseClientFrame = (text: string): ParsedFrame | undefined => {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isRecord(value)) return undefined;
  switch (value.type) {
    case 'hello':
      return { type: 'hello', ...(typeof value.client === 'string' ? { client: value.client } : {}) };
    case 'ping':
      return { type: 'ping' };
    case 'unsubscribe':
      return isId(value.id) ? { type: 'unsubscribe', id: value.id } : undefined;
    case 'subscribe': {
      const { id, topic } = value;
      if (!isId(id) || typeof topic !== 'string') return undefined;
      if (value.from === undefined) return { type: 'subscribe', id, topic };
      const from = toPosition(value.from);
      return from === undefined ? undefined : { type: 'subscribe', id, topic, from };
    }
    default:
      return undefined;
  }
};
