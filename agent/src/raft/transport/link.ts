import type { TLSSocket } from 'node:tls';
import { encodeFrame, FrameParser, type FrameKind } from '../codec/frame.ts';
import { FrameError } from '../codec/frame-error.ts';
import type { TransportCounters } from './counters.ts';
import type { TransportLimits } from './limits.ts';

/** What all connections of one member share. */
export interface LinkContext {
  readonly group: number;
  readonly limits: TransportLimits;
  readonly counters: TransportCounters;
  /** Monotonic, in milliseconds. */
  readonly now: () => number;
}

export interface LinkEvents {
  /** Frames as they come; a FrameError that it throws ends the connection. */
  readonly onFrame: (kind: FrameKind, payload: Uint8Array, owned: boolean) => void;
  /** All frames of one piece of input were told. */
  readonly onTurn?: () => void;
  /** All that was written has left. */
  readonly onDrain?: () => void;
  /**
   * Once, whatever the reason.
   * @param violation set when what came over it was not what may come
   */
  readonly onClosed: (reason: string, violation?: FrameError) => void;
}

/** One TLS connection that carries frames, at either end. Who is at the other end was settled before. */
export class Link {
  readonly socket: TLSSocket;
  readonly #context: LinkContext;
  readonly #events: LinkEvents;
  readonly #parser: FrameParser;
  #reason = '';
  #violation: FrameError | undefined;
  /** For how long nothing came; only time in which this process was awake to see it. */
  #silentMs = 0;
  #wroteAt: number;
  #paused = false;
  /** When it is cut although not all has left. */
  #endBy = Number.POSITIVE_INFINITY;
  #closed = false;

  constructor(socket: TLSSocket, context: LinkContext, expected: readonly FrameKind[], events: LinkEvents) {
    this.socket = socket;
    this.#context = context;
    this.#events = events;
    this.#parser = new FrameParser(context.group, expected, events.onFrame);
    this.#wroteAt = context.now();
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => events.onDrain?.());
    socket.on('error', (error: Error) => this.#note(error.message));
    socket.on('close', () => {
      if (this.#closed) return;
      this.#closed = true;
      this.#parser.stop();
      events.onClosed(this.#reason === '' ? 'the other end closed it' : this.#reason, this.#violation);
    });
  }

  get closed(): boolean {
    return this.#closed || this.socket.destroyed;
  }

  /** Bytes that were written and have not left. */
  get backlog(): number {
    return this.socket.writableLength;
  }

  /** Which frames may come from now on. */
  expect(expected: readonly FrameKind[]): void {
    this.#parser.expect(expected);
  }

  /** Writes whole frames. */
  write(frames: Uint8Array): void {
    if (!this.socket.writable) return;
    this.#wroteAt = this.#context.now();
    this.#context.counters.bytesSent += frames.length;
    this.socket.write(frames);
  }

  send(kind: FrameKind, ...payload: readonly Uint8Array[]): void {
    this.write(encodeFrame(kind, this.#context.group, ...payload));
  }

  /** Reads nothing until `resume`; what is on its way waits at the other end. */
  pause(): void {
    this.#paused = true;
    this.socket.pause();
  }

  resume(): void {
    if (!this.#paused) return;
    this.#paused = false;
    this.#silentMs = 0;
    this.socket.resume();
  }

  /** Closes it once all has left, or after `graceMs`. */
  end(reason: string, graceMs: number): void {
    this.#note(reason);
    this.#endBy = Math.min(this.#endBy, this.#context.now() + graceMs);
    this.#parser.stop();
    this.socket.end();
    // What still comes is of no use, but must be read for the end of it to be seen.
    this.resume();
  }

  /** Cuts it. */
  destroy(reason: string): void {
    this.#note(reason);
    this.#parser.stop();
    this.socket.destroy();
  }

  /**
   * To be called from time to time, after what has arrived was read: says that it is alive, notices that the other end
   * is not.
   * @param elapsedMs since the last call, as far as this process was awake
   */
  check(elapsedMs: number): void {
    const { limits, now } = this.#context;
    if (!this.#paused) this.#silentMs += elapsedMs;
    const at = now();
    if (at >= this.#endBy) this.destroy('it did not end in time');
    else if (this.#silentMs >= limits.idleMs) this.destroy(`nothing came for ${limits.idleMs} ms`);
    else if (at - this.#wroteAt >= limits.aliveMs && this.backlog === 0) this.send('alive');
  }

  #note(reason: string): void {
    if (this.#reason === '') this.#reason = reason;
  }

  #read(chunk: Buffer): void {
    const { counters } = this.#context;
    this.#silentMs = 0;
    counters.bytesReceived += chunk.length;
    try {
      this.#parser.push(chunk);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      counters.violations++;
      this.#violation = error;
      this.destroy(`${error.problem}: ${error.message}`);
    }
    this.#events.onTurn?.();
  }
}
