const slabBytes = 64 * 1024;
/** What is larger has memory of its own: in a slab it would leave too much of it unused. */
const largestShare = slabBytes / 4;

/**
 * Memory for small pieces that live about equally long, such as the entries of one log: an allocation for each costs
 * more than the rest of decoding. Pieces are handed out once and never again, so nobody sees another's bytes change.
 * Not zeroed: whoever takes a piece writes all of it.
 */
export class Slab {
  #bytes = Buffer.alloc(0);
  #taken = 0;

  take(length: number): Buffer {
    if (length > largestShare) return Buffer.allocUnsafeSlow(length);
    if (this.#taken + length > this.#bytes.length) {
      this.#bytes = Buffer.allocUnsafeSlow(slabBytes);
      this.#taken = 0;
    }
    const piece = this.#bytes.subarray(this.#taken, this.#taken + length);
    this.#taken += length;
    return piece;
  }
}

/** For what members sent and is kept. */
export const receivedBytes = new Slab();
