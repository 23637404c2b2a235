import { decodeMessage, encodeMessage } from '../../../../agent/src/raft/codec/message-codec.ts';
import type { Message } from '../../../../agent/src/raft/core/message.ts';
import type { NodeId } from '../../../../agent/src/raft/core/types.ts';
import type { Chance } from './chance.ts';
import type { Tally } from './tally.ts';
import { millisecond, type Clock, type Micros } from './clock.ts';

/** How messages fare while nothing in particular befalls them. */
export interface Weather {
  readonly loss: number;
  readonly duplication: number;
  /** Mean time on the way; exponentially distributed on top of a tenth of it. */
  readonly delay: Micros;
  /** Share of messages that come when nobody expects them any more. */
  readonly stragglers: number;
  /** Whether messages of a link arrive in the order in which they were sent. */
  readonly inOrder: boolean;
}

export const fairWeather: Weather = { loss: 0, duplication: 0, delay: 1000, stragglers: 0, inOrder: true };

/** Forbids some links, each in one direction. */
export type Partition = (from: NodeId, to: NodeId) => boolean;

export interface NetworkOptions {
  readonly clock: Clock;
  readonly chance: Chance;
  /** A message has arrived. */
  readonly arrived: (message: Message) => void;
  /** Something was lost on its way, and the sender's end may notice. */
  readonly lost: (from: NodeId, to: NodeId) => void;
  readonly tally: Tally;
}

/** Messages on their way over one link; more are lost, as of a queue that is full. */
const linkCapacity = 512;
const slowest = 1500 * millisecond;
const bytesPerMilli = 20_000;

/** Links between members. All that is sent is encoded and decoded, so that nobody shares memory with anybody. */
export class Network {
  readonly #options: NetworkOptions;
  #weather: Weather;
  readonly #partitions = new Set<Partition>();
  readonly #clogged = new Map<string, Micros>();
  readonly #lastArrival = new Map<string, Micros>();
  readonly #underWay = new Map<string, number>();

  constructor(options: NetworkOptions, weather: Weather) {
    this.#options = options;
    this.#weather = weather;
  }

  get partitions(): number {
    return this.#partitions.size;
  }

  set weather(weather: Weather) {
    this.#weather = weather;
  }

  /** @returns what ends the partition */
  divide(forbids: Partition): () => void {
    this.#partitions.add(forbids);
    return () => {
      this.#partitions.delete(forbids);
    };
  }

  /** Nothing arrives over that link for a while; then all of it does. */
  clog(from: NodeId, to: NodeId, duration: Micros): void {
    this.#clogged.set(`${from}/${to}`, this.#options.clock.now + duration);
  }

  clear(): void {
    this.#partitions.clear();
    this.#clogged.clear();
  }

  connects(from: NodeId, to: NodeId): boolean {
    for (const forbids of this.#partitions) if (forbids(from, to)) return false;
    return true;
  }

  /** @param from who sends it now: a message that is passed on still says who wrote it */
  send(from: NodeId, message: Message): void {
    const { chance, tally } = this.#options;
    const bytes = encodeMessage(message);
    const { to } = message;
    const link = `${from}/${to}`;
    const underWay = this.#underWay.get(link) ?? 0;
    if (!this.connects(from, to) || chance.happens(this.#weather.loss) || underWay >= linkCapacity) {
      tally.add('messages lost');
      this.#options.lost(from, to);
      return;
    }
    this.#carry(link, from, to, bytes);
    if (!chance.happens(this.#weather.duplication)) return;
    tally.add('messages duplicated');
    this.#carry(link, from, to, bytes);
  }

  #carry(link: string, from: NodeId, to: NodeId, bytes: Uint8Array): void {
    const { clock, arrived, lost } = this.#options;
    const underWay = (this.#underWay.get(link) ?? 0) + 1;
    this.#underWay.set(link, underWay);
    // A partition that comes up meanwhile cuts off what is on its way, or only what comes after it.
    const getsThrough = this.#options.chance.happens(0.5);
    clock.after(this.#delay(link), () => {
      this.#underWay.set(link, (this.#underWay.get(link) ?? 1) - 1);
      if (getsThrough || this.connects(from, to)) arrived(decodeMessage(bytes));
      else lost(from, to);
    });
  }

  #delay(link: string): Micros {
    const { clock, chance, tally } = this.#options;
    const { delay, stragglers, inOrder } = this.#weather;
    const straggles = stragglers > 0 && chance.happens(stragglers);
    const way = straggles ? chance.fraction() * slowest : delay / 10 + chance.around(delay);
    const clogged = (this.#clogged.get(link) ?? 0) - clock.now;
    let arrival = Math.round(clock.now + Math.max(way, clogged > 0 ? clogged + way / 10 : 0));
    if (inOrder) {
      arrival = Math.max(arrival, this.#lastArrival.get(link) ?? 0);
    } else if (arrival < (this.#lastArrival.get(link) ?? 0)) tally.add('messages out of order');
    this.#lastArrival.set(link, Math.max(arrival, this.#lastArrival.get(link) ?? 0));
    return arrival - clock.now;
  }

  /**
   * Carries something large, as over a connection of its own.
   * @param done with whether it has come through
   */
  stream(from: NodeId, to: NodeId, bytes: number, done: (through: boolean) => void): void {
    const { clock, chance } = this.#options;
    const duration = this.#weather.delay * 3 + (bytes / bytesPerMilli) * 1000;
    const breaks = chance.happens(this.#weather.loss);
    const half = (): void => {
      if (!this.connects(from, to) || breaks) done(false);
      else clock.after(chance.around(duration / 2), () => done(this.connects(from, to)));
    };
    clock.after(chance.around(duration / 2), half);
  }
}
