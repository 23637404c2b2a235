/*
 * Between the load and a member of ours: {u32 bytes that follow, u32 number of the request, u8 kind, body}, little
 * endian. Kinds: 1 write the body, 2 linearizable read; answers: 0 done, 1 not done.
 */
export const kinds = { write: 1, read: 2 } as const;
export const answers = { done: 0, failed: 1 } as const;

const headBytes = 9;
const maxBytes = 1024 * 1024;

export const encodeClientFrame = (number: number, kind: number, body: Uint8Array): Buffer => {
  const frame = Buffer.allocUnsafe(headBytes + body.length);
  frame.writeUInt32LE(5 + body.length, 0);
  frame.writeUInt32LE(number, 4);
  frame.writeUInt8(kind, 8);
  frame.set(body, headBytes);
  return frame;
};

/** Answers that leave together, without an object for each. */
export class ClientAnswers {
  /** Number and answer of each, in turn. */
  readonly #waiting: number[] = [];

  /** @returns how many wait now */
  push(number: number, answer: number): number {
    return this.#waiting.push(number, answer) / 2;
  }

  /** @returns the frames of all that wait, which do so no more */
  take(): Buffer {
    const frames = Buffer.allocUnsafe((this.#waiting.length / 2) * headBytes);
    for (let at = 0; at < frames.length; at += headBytes) {
      const pair = (2 * at) / headBytes;
      frames.writeUInt32LE(headBytes - 4, at);
      frames.writeUInt32LE(this.#waiting[pair] ?? 0, at + 4);
      frames.writeUInt8(this.#waiting[pair + 1] ?? 0, at + 8);
    }
    this.#waiting.length = 0;
    return frames;
  }
}

/** Cuts a stream into frames. */
export class ClientFrames {
  #rest: Buffer = Buffer.alloc(0);

  /** @param take is given a body that is only good for the time of the call */
  push(chunk: Buffer, take: (number: number, kind: number, body: Buffer) => void): void {
    const data = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (data.length - at >= headBytes) {
      const length = data.readUInt32LE(at);
      if (length < 5 || length > maxBytes) throw new Error(`a frame of ${length} bytes`);
      const end = at + 4 + length;
      if (data.length < end) break;
      take(data.readUInt32LE(at + 4), data.readUInt8(at + 8), data.subarray(at + headBytes, end));
      at = end;
    }
    this.#rest = data.subarray(at);
  }
}
