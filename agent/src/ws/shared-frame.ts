/** Ids seldom differ between clients: a few cached encodings serve thousands of subscribers. */
const maxCached = 4;

/**
 * One server frame for many subscribers: everything behind `id` is serialised once, and subscribers that chose the
 * same subscription id share the very same bytes.
 */
export class SharedFrame {
  readonly #head: string;
  readonly #tail: string;
  readonly #encoded = new Map<string, Buffer>();

  /** @param fields all members besides `type` and `id`, already serialised, without braces: `"seq":1,"ops":[]` */
  constructor(type: string, fields: string) {
    this.#head = `{"type":${JSON.stringify(type)},"id":`;
    this.#tail = `,${fields}}`;
  }

  /** Characters of the shared part: a lower bound of the frame's size in bytes. */
  get length(): number {
    return this.#head.length + this.#tail.length;
  }

  for(id: string): Buffer {
    const known = this.#encoded.get(id);
    if (known !== undefined) return known;
    const encoded = Buffer.from(`${this.#head}${JSON.stringify(id)}${this.#tail}`);
    if (this.#encoded.size < maxCached) this.#encoded.set(id, encoded);
    return encoded;
  }
}
