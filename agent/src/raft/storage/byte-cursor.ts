/** Bytes that are not what their record claims to be. Caught inside this folder and told with file and offset. */
export class PayloadError extends Error {
  override readonly name = 'PayloadError';
}

const twoTo32 = 0x1_0000_0000;
/** Of a safe integer. */
const highBitsMax = 0x1f_ffff;

/** Writes numbers, little endian, one behind the other. The buffer is large enough: sizes are computed first. */
export class ByteWriter {
  readonly buffer: Buffer;
  at: number;

  constructor(buffer: Buffer, at = 0) {
    this.buffer = buffer;
    this.at = at;
  }

  u8(value: number): void {
    this.at = this.buffer.writeUInt8(value, this.at);
  }

  u16(value: number): void {
    this.at = this.buffer.writeUInt16LE(value, this.at);
  }

  u32(value: number): void {
    this.at = this.buffer.writeUInt32LE(value, this.at);
  }

  /** A safe integer from 0 in eight bytes. */
  u64(value: number): void {
    const low = value >>> 0;
    this.u32(low);
    this.u32((value - low) / twoTo32);
  }

  bytes(value: Uint8Array): void {
    this.buffer.set(value, this.at);
    this.at += value.length;
  }
}

/** Reads what a ByteWriter wrote; whatever the bytes, it gives values within bounds or throws. */
export class ByteReader {
  readonly #buffer: Buffer;
  readonly #end: number;
  #at: number;

  constructor(buffer: Buffer, at = 0, end = buffer.length) {
    this.#buffer = buffer;
    this.#at = at;
    this.#end = end;
  }

  get at(): number {
    return this.#at;
  }

  get left(): number {
    return this.#end - this.#at;
  }

  u8(): number {
    return this.#buffer.readUInt8(this.#take(1));
  }

  u16(): number {
    return this.#buffer.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  u64(): number {
    const low = this.u32();
    const high = this.u32();
    if (high > highBitsMax) throw new PayloadError('a number is above 2^53 - 1');
    return high * twoTo32 + low;
  }

  /** A copy: what is read from outlives no buffer that is used again. */
  bytes(length: number): Uint8Array {
    return new Uint8Array(this.view(length));
  }

  /** The bytes in place. */
  view(length: number): Buffer {
    const at = this.#take(length);
    return this.#buffer.subarray(at, at + length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  /** Nothing may be left: more bytes than expected are as wrong as fewer. */
  finish(): void {
    if (this.left !== 0) throw new PayloadError(`${this.left} bytes too many`);
  }

  #take(length: number): number {
    if (length > this.left) throw new PayloadError(`${length - this.left} bytes too few`);
    const at = this.#at;
    this.#at += length;
    return at;
  }
}
