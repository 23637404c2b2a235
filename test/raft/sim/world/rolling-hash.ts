/** Of everything that happens, in order: two runs of one seed must come to the same. */
export class RollingHash {
  #low = 0x811c9dc5;
  #high = 0x2545f491;

  add(value: number): void {
    this.#low = Math.imul(this.#low ^ (value | 0), 0x01000193);
    this.#high = Math.imul(this.#high ^ Math.floor(value / 2 ** 32) ^ (this.#low >>> 15), 0x85ebca6b);
  }

  get hex(): string {
    const part = (half: number): string => (half >>> 0).toString(16).padStart(8, '0');
    return part(this.#high) + part(this.#low);
  }
}
