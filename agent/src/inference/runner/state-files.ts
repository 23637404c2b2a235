import { open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';

/** A state on disk. Its checksums stay in memory: a file belongs to one run of one process. */
export interface StateFile {
  readonly path: string;
  readonly bytes: number;
  /** Of each piece, in order. */
  readonly checksums: readonly number[];
}

/** Written, read and checked at once: short enough that running answers do not wait for it. */
const pieceBytes = 1024 * 1024;

/** Keeps states as files in a folder that nobody else may look into: what users wrote can be told from them. */
export class StateFiles {
  readonly #folder: string;
  #written = 0;

  /** @param folder that exists and is used by nothing else */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** @throws Error of the file system, for instance when it is full; no file is left then */
  async write(state: Uint8Array): Promise<StateFile> {
    this.#written += 1;
    const path = join(this.#folder, `${this.#written}.state`);
    try {
      const file = await open(path, 'wx', 0o600);
      const checksums: number[] = [];
      try {
        for (let at = 0; at < state.length; at += pieceBytes) {
          const piece = state.subarray(at, at + pieceBytes);
          checksums.push(crc32(piece));
          await file.writeFile(piece);
        }
      } finally {
        await file.close();
      }
      return { path, bytes: state.length, checksums };
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    }
  }

  /** @returns undefined where the file is gone, short or damaged */
  async read({ path, bytes, checksums }: StateFile): Promise<Uint8Array | undefined> {
    const state = new Uint8Array(bytes);
    try {
      const file = await open(path, 'r');
      try {
        for (const [index, checksum] of checksums.entries()) {
          const at = index * pieceBytes;
          const piece = state.subarray(at, at + pieceBytes);
          const { bytesRead } = await file.read(piece, 0, piece.length, at);
          if (bytesRead < piece.length || crc32(piece) !== checksum) return undefined;
        }
      } finally {
        await file.close();
      }
      return state;
    } catch {
      return undefined;
    }
  }

  async remove({ path }: StateFile): Promise<void> {
    await rm(path, { force: true });
  }
}
