import type { Vfs, VfsFile } from './vfs.ts';

interface HeldSegment {
  readonly sequence: number;
  readonly path: string;
  readonly file: VfsFile;
}

/** The segments of a log, open for reading. */
export class SegmentSet {
  readonly #vfs: Vfs;
  #held: HeldSegment[] = [];
  /** No longer part of the log, oldest first. */
  readonly #unneeded: string[];
  #removing = false;
  #idle: (() => void) | undefined;

  /** @param leftovers paths that are to be removed with the first segments that go */
  constructor(vfs: Vfs, held: readonly HeldSegment[], leftovers: readonly string[]) {
    this.#vfs = vfs;
    this.#held = [...held];
    this.#unneeded = [...leftovers];
  }

  get count(): number {
    return this.#held.length;
  }

  /** Sequence of the oldest one. */
  get lowest(): number | undefined {
    return this.#held[0]?.sequence;
  }

  add({ sequence, path, file }: HeldSegment): void {
    this.#held.push({ sequence, path, file });
  }

  of(sequence: number): HeldSegment {
    const found = this.#held[sequence - (this.#held[0]?.sequence ?? 0)];
    if (found === undefined) throw new Error(`segment ${sequence} is not held`);
    return found;
  }

  /**
   * Removes the segments below this one, which is kept, and what an earlier attempt left.
   * @param done told once nothing is left to remove, with how many went, or with the error; not while one is under way
   */
  dropBelow(sequence: number, done: (error: Error | undefined, removed: number) => void): void {
    const dropped = this.#held.filter((segment) => segment.sequence < sequence);
    this.#held = this.#held.slice(dropped.length);
    for (const { file, path } of dropped) {
      file.close();
      this.#unneeded.push(path);
    }
    if (!this.#removing) this.#removeNext(0, done);
  }

  /** Waits until what is being removed is, and closes all files. */
  close(done: () => void): void {
    const end = (): void => {
      for (const { file } of this.#held) file.close();
      this.#held = [];
      done();
    };
    if (this.#removing) this.#idle = end;
    else end();
  }

  /** One after the other, oldest first. A crash may still leave any of them: recovery takes care of gaps. */
  #removeNext(removed: number, done: (error: Error | undefined, removed: number) => void): void {
    const [path] = this.#unneeded;
    if (path === undefined) {
      done(undefined, removed);
      this.#idle?.();
      return;
    }
    this.#removing = true;
    this.#vfs.remove(path, (error) => {
      this.#removing = false;
      const gone = error === undefined || (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (gone) {
        this.#unneeded.shift();
        this.#removeNext(removed + 1, done);
      } else {
        done(error, removed);
        this.#idle?.();
      }
    });
  }
}
