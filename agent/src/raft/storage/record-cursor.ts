import {
  headBytes,
  isIntact,
  readHead,
  recordBytes,
  smallestRecordBytes,
  type RecordHead,
} from './record.ts';
import type { VfsFile } from './vfs.ts';

const largestWindowBytes = 256 * 1024;

/** `blank`: zeros or the end of the file, where a record would begin. `damaged`: no record that follows the last. */
export type Step = 'record' | 'blank' | 'damaged';

/** Walks through the records of a file, checking each. Never holds more than the largest record that is allowed. */
export class RecordCursor {
  readonly #file: VfsFile;
  #window: Buffer;
  /** Position in the file of the window's first byte. */
  #base = 0;
  #filled = 0;
  #head: RecordHead | undefined;
  /** Where the next record begins. */
  offset: number;
  /** Crc of the record before that one. */
  seed: number;

  /** @param windowBytes read from the file at once; who reads on gets more each time */
  constructor(file: VfsFile, offset: number, seed: number, windowBytes: number) {
    this.#file = file;
    this.#window = Buffer.allocUnsafe(Math.max(windowBytes, smallestRecordBytes));
    this.offset = offset;
    this.seed = seed;
  }

  /** Of the record that was stepped over last. */
  get type(): number {
    return this.#head?.type ?? 0;
  }

  get flags(): number {
    return this.#head?.flags ?? 0;
  }

  /** Of the record that was stepped over last; changes with the next step. */
  get payload(): Buffer {
    const { payloadBytes } = this.#head ?? { payloadBytes: 0 };
    const at = this.offset - recordBytes(payloadBytes) - this.#base + headBytes;
    return this.#window.subarray(at, at + payloadBytes);
  }

  /** Steps over the next record if it is intact; otherwise stays before it. */
  next(): Step {
    let at = this.#fetch(smallestRecordBytes);
    if (isZero(this.#window, at, at + smallestRecordBytes)) return 'blank';
    const head = readHead(this.#window, at);
    if (head === undefined) return 'damaged';
    at = this.#fetch(recordBytes(head.payloadBytes));
    if (!isIntact(this.#window, at, head, this.seed)) return 'damaged';
    this.#head = head;
    this.offset += recordBytes(head.payloadBytes);
    this.seed = head.crc;
    return 'record';
  }

  /** Bytes at the offset as far as they belong to the record there, by what it says of its length. */
  peek(): Buffer {
    let at = this.#fetch(smallestRecordBytes);
    const head = readHead(this.#window, at);
    const bytes = head === undefined ? smallestRecordBytes : recordBytes(head.payloadBytes);
    at = this.#fetch(bytes);
    return this.#window.subarray(at, at + bytes);
  }

  /** Has the bytes from the offset on in the window, zeros beyond the end of the file. @returns where in the window */
  #fetch(bytes: number): number {
    const at = this.offset - this.#base;
    if (at >= 0 && at + bytes <= this.#filled) return at;
    const { length } = this.#window;
    const wanted = this.#filled === 0 ? length : Math.min(2 * length, largestWindowBytes);
    const room = Math.max(length, wanted, bytes);
    if (room > length) this.#window = Buffer.allocUnsafe(room);
    this.#base = this.offset;
    const read = this.#file.read(this.#window, this.offset);
    this.#window.fill(0, read);
    this.#filled = this.#window.length;
    return 0;
  }
}

export const isZero = (buffer: Buffer, from: number, to: number): boolean => {
  for (let at = from; at < to; at += 1) if (buffer[at] !== 0) return false;
  return true;
};
