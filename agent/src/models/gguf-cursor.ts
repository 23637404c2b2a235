import { Buffer } from 'node:buffer';
import type { FileHandle } from 'node:fs/promises';
import { ApiError } from '@ollamamax/api';
import { maxima } from './gguf-format.ts';

export const invalidModelFile = (detail: string): ApiError => new ApiError('model_file_invalid', detail);

const windowBytes = 256 * 1024;
const maxSafe = BigInt(Number.MAX_SAFE_INTEGER);

/**
 * Reads a file front to back through one small window with positional reads. Every read is held against
 * the size of the file first, so a length from the file never decides how much memory is taken.
 */
export class GgufCursor {
  readonly #handle: FileHandle;
  readonly size: number;
  readonly #window = Buffer.allocUnsafe(windowBytes);
  #windowStart = 0;
  #windowEnd = 0;
  #position = 0;
  /** Set by the caller to what is being read, for messages. */
  field = 'the header';

  constructor(handle: FileHandle, size: number) {
    this.#handle = handle;
    this.size = size;
  }

  get position(): number {
    return this.#position;
  }

  get remaining(): number {
    return this.size - this.#position;
  }

  /** @throws ApiError model_file_invalid when the file or the largest header ends before `bytes` more */
  #check(bytes: number): void {
    if (bytes > this.remaining)
      throw invalidModelFile(
        `The file ends inside ${this.field}: ${bytes} bytes are needed at offset ${this.#position} and ${this.remaining} are there.`,
      );
    if (this.#position + bytes > maxima.headerBytes)
      throw invalidModelFile(`The header is longer than ${maxima.headerBytes} bytes (at ${this.field}).`);
  }

  /** Makes `bytes` (at most the window) available for take(). */
  async need(bytes: number): Promise<void> {
    this.#check(bytes);
    if (this.#position >= this.#windowStart && this.#position + bytes <= this.#windowEnd) return;
    this.#windowStart = this.#position;
    this.#windowEnd = this.#position;
    while (this.#windowEnd < this.#position + bytes) {
      const { bytesRead } = await this.#handle.read(
        this.#window,
        this.#windowEnd - this.#windowStart,
        windowBytes - (this.#windowEnd - this.#windowStart),
        this.#windowEnd,
      );
      if (bytesRead === 0) throw invalidModelFile(`The file became shorter while ${this.field} was read.`);
      this.#windowEnd += bytesRead;
    }
  }

  /** The next bytes, valid until the next need(); call need() first. */
  take(bytes: number): Buffer {
    const from = this.#position - this.#windowStart;
    this.#position += bytes;
    return this.#window.subarray(from, from + bytes);
  }

  /** Bytes that can be taken without need(). */
  get available(): number {
    return this.#position < this.#windowStart ? 0 : Math.max(0, this.#windowEnd - this.#position);
  }

  /** Goes back to a place that is still in the window. */
  rewind(position: number): void {
    this.#position = position;
  }

  skip(bytes: number): void {
    this.#check(bytes);
    this.#position += bytes;
  }

  /** A copy of the next bytes, which may be more than the window holds. The caller has bounded `bytes`. */
  async copy(bytes: number): Promise<Buffer> {
    if (bytes <= windowBytes) {
      await this.need(bytes);
      return Buffer.from(this.take(bytes));
    }
    this.#check(bytes);
    const target = Buffer.allocUnsafe(bytes);
    let filled = 0;
    while (filled < bytes) {
      const part = Math.min(windowBytes, bytes - filled);
      await this.need(part);
      this.take(part).copy(target, filled);
      filled += part;
    }
    return target;
  }

  async uint32(): Promise<number> {
    await this.need(4);
    return this.take(4).readUInt32LE();
  }

  /** A 64-bit count, length or offset; must be at most `maximum`. */
  async count(maximum: number): Promise<number> {
    await this.need(8);
    return this.checkedCount(this.take(8).readBigUInt64LE(), maximum);
  }

  checkedCount(value: bigint, maximum: number): number {
    if (value > maxSafe || value > BigInt(maximum))
      throw invalidModelFile(`${this.field} is ${value}; the most that can be right is ${maximum}.`);
    return Number(value);
  }
}
