import { eventLimits, type EventPosition } from '@ollamamax/api';
import { SharedFrame } from './shared-frame.ts';

export interface TopicLogOptions {
  readonly epoch: string;
  /** Events and milliseconds kept for replay, whichever ends first; bytes bound both. */
  readonly replayEvents?: number;
  readonly replayMs?: number;
  readonly replayBytes?: number;
  readonly snapshotPartBytes?: number;
}

/** One step of a topic: the frame to send and the keys it touched, for readers that are behind. */
export interface TopicEvent {
  readonly seq: number;
  readonly frame: SharedFrame;
  readonly keys: readonly string[];
}

interface Kept extends TopicEvent {
  readonly at: number;
}

const putOp = (key: string, json: string): string =>
  `{"op":"put","key":${JSON.stringify(key)},"value":${json}}`;
const deleteOp = (key: string): string => `{"op":"delete","key":${JSON.stringify(key)}}`;

/** A keyed map with its recent history: answers snapshots, deltas and gapless replays. Knows no clock. */
export class TopicLog {
  readonly epoch: string;
  readonly #replayEvents: number;
  readonly #replayMs: number;
  readonly #replayBytes: number;
  readonly #partBytes: number;
  /** Serialised value by key: equal text means equal value. */
  readonly #state = new Map<string, string>();
  #ring: Kept[] = [];
  #ringBytes = 0;
  #seq = 0;
  #snapshot: { readonly seq: number; readonly parts: readonly SharedFrame[] } | undefined;

  constructor(options: TopicLogOptions) {
    this.epoch = options.epoch;
    this.#replayEvents = options.replayEvents ?? eventLimits.replayEvents;
    this.#replayMs = options.replayMs ?? eventLimits.replayMs;
    this.#replayBytes = options.replayBytes ?? eventLimits.closeBytes;
    this.#partBytes = options.snapshotPartBytes ?? eventLimits.snapshotPartBytes;
  }

  get seq(): number {
    return this.#seq;
  }

  /** Makes the map equal to `next`. Returns the event when something changed. @param now milliseconds */
  update(next: Iterable<readonly [string, unknown]>, now: number): TopicEvent | undefined {
    const ops: string[] = [];
    const keys: string[] = [];
    const present = new Set<string>();
    for (const [key, value] of next) {
      present.add(key);
      const json = JSON.stringify(value);
      if (this.#state.get(key) === json) continue;
      this.#state.set(key, json);
      ops.push(putOp(key, json));
      keys.push(key);
    }
    for (const key of [...this.#state.keys()]) {
      if (present.has(key)) continue;
      this.#state.delete(key);
      ops.push(deleteOp(key));
      keys.push(key);
    }
    if (ops.length === 0) return undefined;
    this.#seq += 1;
    const event = { seq: this.#seq, frame: this.#delta(this.#seq, ops), keys };
    this.#remember({ ...event, at: now });
    return event;
  }

  /** Frames of the whole map at the current seq, each at most about one part in size unless a single value is larger. */
  snapshot(): readonly SharedFrame[] {
    if (this.#snapshot?.seq === this.#seq) return this.#snapshot.parts;
    const chunks: string[][] = [[]];
    let bytes = 0;
    for (const [key, json] of this.#state) {
      const entry = `${JSON.stringify(key)}:${json}`;
      const size = Buffer.byteLength(entry) + 1;
      // 512 bytes are left for the frame around the data and the id.
      if (bytes > 0 && bytes + size > this.#partBytes - 512) {
        chunks.push([]);
        bytes = 0;
      }
      chunks.at(-1)?.push(entry);
      bytes += size;
    }
    const parts = chunks.map(
      (entries, part) =>
        new SharedFrame(
          'snapshot',
          `"epoch":${JSON.stringify(this.epoch)},"seq":${this.#seq},"part":${part},"last":${part === chunks.length - 1},"data":{${entries.join(',')}}`,
        ),
    );
    this.#snapshot = { seq: this.#seq, parts };
    return parts;
  }

  /** Every event after `from`, or undefined when the history has a gap, is another epoch's or is larger than allowed. */
  replay(from: EventPosition, now: number): readonly TopicEvent[] | undefined {
    if (from.epoch !== this.epoch || from.seq > this.#seq) return undefined;
    if (from.seq === this.#seq) return [];
    this.#prune(now);
    const first = this.#ring[0];
    if (first === undefined || first.seq > from.seq + 1) return undefined;
    const events = this.#ring.slice(from.seq + 1 - first.seq);
    const bytes = events.reduce((sum, event) => sum + event.frame.length, 0);
    return bytes > this.#replayBytes ? undefined : events;
  }

  /** One delta with the latest value of each key: what a reader gets that could not follow step by step. */
  latest(keys: Iterable<string>): SharedFrame {
    const ops = [...keys].map((key) => {
      const json = this.#state.get(key);
      return json === undefined ? deleteOp(key) : putOp(key, json);
    });
    return this.#delta(this.#seq, ops);
  }

  #delta(seq: number, ops: readonly string[]): SharedFrame {
    return new SharedFrame('delta', `"seq":${seq},"ops":[${ops.join(',')}]`);
  }

  #remember(event: Kept): void {
    this.#ring.push(event);
    this.#ringBytes += event.frame.length;
    this.#prune(event.at);
  }

  #prune(now: number): void {
    let drop = 0;
    let bytes = this.#ringBytes;
    for (const event of this.#ring) {
      const kept = this.#ring.length - drop;
      // Twice the replay bound: a replay may start anywhere inside.
      if (kept <= this.#replayEvents && now - event.at <= this.#replayMs && bytes <= 2 * this.#replayBytes)
        break;
      drop += 1;
      bytes -= event.frame.length;
    }
    if (drop === 0) return;
    this.#ring = this.#ring.slice(drop);
    this.#ringBytes = bytes;
  }
}
