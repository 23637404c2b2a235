import type { Message } from '../../../../agent/src/raft/core/message.ts';
import type { SnapshotReader } from '../../../../agent/src/raft/storage/snapshot-store.ts';
import type { SnapshotWriter } from '../../../../agent/src/raft/storage/snapshot-writer.ts';
import type { Network } from '../world/network.ts';
import type { Process } from './process.ts';

/** One end of a transfer: what is run there runs in the same process, or not at all. */
export interface End {
  readonly process: Process;
  run(action: () => void): void;
}

export interface TransferOptions {
  readonly message: Message;
  readonly network: Network;
  readonly sender: End;
  /** Looked up when something arrives; undefined when nobody listens. */
  readonly receiver: () => End | undefined;
  /** The receiver has all of it, and is about to be given the message. */
  readonly received: (message: Message) => void;
  /** Called at the sender, once. */
  readonly done: (delivered: boolean) => void;
}

const chunkBytes = 700;

/**
 * Brings a snapshot to another member, piece by piece, as the transport does it: the receiver says from where on it
 * needs it, and gets the message once it has all of it.
 */
export class Transfer {
  readonly #options: TransferOptions;
  #reader: SnapshotReader | undefined;
  #writer: SnapshotWriter | undefined;
  #receiver: End | undefined;
  #isOver = false;

  constructor(options: TransferOptions) {
    this.#options = options;
  }

  start(): void {
    const { message, sender } = this.#options;
    const { index, term } = message.snapshot ?? { index: 0, term: 0 };
    this.#reader = sender.process.store.read(index, term);
    if (this.#reader === undefined) {
      this.end(false);
      return;
    }
    this.#carry(0, () => {
      const receiver = this.#options.receiver();
      if (receiver === undefined || this.#reader === undefined) {
        this.end(false);
        return;
      }
      const { meta } = this.#reader;
      this.#receiver = receiver;
      receiver.run(() =>
        receiver.process.store.receive(meta, (_, writer) => {
          this.#writer = writer;
          if (writer === undefined) this.end(false);
          else this.#send();
        }),
      );
    });
  }

  /** Runs something at the other end, after so many bytes have got there; ends everything when they have not. */
  #carry(bytes: number, arrived: () => void): void {
    const { network, message } = this.#options;
    network.stream(message.from, message.to, bytes, (through) => {
      if (this.#isOver) return;
      if (through) arrived();
      else this.end(false);
    });
  }

  #send(): void {
    const { sender } = this.#options;
    const [reader, writer, receiver] = [this.#reader, this.#writer, this.#receiver];
    if (this.#isOver || reader === undefined || writer === undefined || receiver === undefined) return;
    if (writer.offset === reader.meta.size) {
      this.#finish(writer, receiver);
      return;
    }
    const chunk = new Uint8Array(Math.min(chunkBytes, reader.meta.size - writer.offset));
    const { offset } = writer;
    sender.run(() =>
      reader.read(chunk, offset, (error) => {
        if (error !== undefined) {
          this.end(false);
          return;
        }
        this.#carry(chunk.length, () =>
          receiver.run(() =>
            this.#attempt(() =>
              writer.write(chunk, (failed) => {
                if (failed === undefined) this.#send();
                else this.end(false);
              }),
            ),
          ),
        );
      }),
    );
  }

  #finish(writer: SnapshotWriter, receiver: End): void {
    const { message, received } = this.#options;
    receiver.run(() =>
      this.#attempt(() =>
        writer.finish((error) => {
          this.#writer = undefined;
          if (error !== undefined) {
            this.end(false);
            return;
          }
          received(message);
          receiver.process.driver.receive([message]);
          this.#carry(0, () => this.end(true));
        }),
      ),
    );
  }

  /** Another transfer of the same snapshot may be writing it: this one has come to nothing then. */
  #attempt(action: () => void): void {
    try {
      action();
    } catch {
      this.#writer = undefined;
      this.end(false);
    }
  }

  end(delivered: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { sender, done } = this.#options;
    const writer = this.#writer;
    if (writer !== undefined)
      this.#receiver?.run(() => {
        try {
          writer.suspend(() => undefined);
        } catch {
          // It has come to an end by itself.
        }
      });
    sender.run(() => {
      this.#reader?.close();
      done(delivered);
    });
  }
}
