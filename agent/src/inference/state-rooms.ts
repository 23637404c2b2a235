import type { Logger } from '@ollamamax/common';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { StateRoom } from './runner/protocol.ts';
import { stateMemoryBytes } from './state-budget.ts';

export interface StateRoomOptions {
  /** Bytes of memory per model; undefined: as much as is usual. */
  readonly memoryBytes?: number | undefined;
  /** Bytes of disk per model. */
  readonly diskBytes?: number | undefined;
  /** Folder for states on disk, used by nothing else; what is in it goes. Without it nothing is kept on disk. */
  readonly folder?: string | undefined;
}

/** A process that uses the room. */
interface RoomUser {
  /** Bytes of the room that it uses now. */
  readonly stateBytes: number;
  /** Settles once the process is gone. */
  readonly ended: Promise<unknown>;
}

interface Open {
  readonly memoryBytes: number;
  user: RoomUser | undefined;
}

/** Gives each runner its room for states of idle conversations, and knows what of it is not taken yet. */
export class StateRooms {
  readonly #options: StateRoomOptions;
  readonly #logger: Logger;
  readonly #open = new Set<Open>();
  readonly #isReady: Promise<boolean>;
  /** Settles once every room that was opened is closed. */
  #closed: Promise<unknown> = Promise.resolve();

  constructor(options: StateRoomOptions, logger: Logger) {
    this.#options = options;
    this.#logger = logger;
    this.#isReady = this.#prepare();
  }

  /** Bytes that runners have been promised and do not use yet: no other model may be loaded into them. */
  get promisedBytes(): number {
    let sum = 0;
    for (const { memoryBytes, user } of this.#open) sum += Math.max(0, memoryBytes - (user?.stateBytes ?? 0));
    return sum;
  }

  /**
   * Starts a runner with room for states, which is closed when the runner has ended.
   * @param available bytes that a new process may take
   * @param needed bytes of them that the model takes itself
   */
  async with<Runner extends RoomUser>(
    available: number,
    needed: number,
    start: (room: StateRoom) => Promise<Runner>,
  ): Promise<Runner> {
    const memoryBytes = stateMemoryBytes(available, needed, this.#options.memoryBytes);
    const open: Open = { memoryBytes, user: undefined };
    this.#open.add(open);
    const folder = await this.#makeFolder();
    const close = async (): Promise<void> => {
      this.#open.delete(open);
      if (folder !== undefined) await this.#remove(folder);
    };
    try {
      const runner = await start({
        memoryBytes,
        diskBytes: folder === undefined ? 0 : (this.#options.diskBytes ?? 0),
        folder,
      });
      open.user = runner;
      this.#closed = Promise.all([this.#closed, runner.ended.then(close)]);
      return runner;
    } catch (error) {
      await close();
      throw error;
    }
  }

  /** Removes what is on disk, once all runners have ended. */
  async stop(): Promise<void> {
    await Promise.all([this.#isReady, this.#closed]);
    const { folder } = this.#options;
    if (folder !== undefined) await this.#remove(folder);
  }

  /** Also removes what an agent left that was killed. */
  async #prepare(): Promise<boolean> {
    const { folder, diskBytes = 0 } = this.#options;
    if (folder === undefined) return false;
    try {
      await rm(folder, { recursive: true, force: true });
      if (diskBytes === 0) return false;
      await mkdir(folder, { recursive: true, mode: 0o700 });
      return true;
    } catch (error) {
      this.#logger.warn('states are not kept on disk', { folder, reason: String(error) });
      return false;
    }
  }

  async #makeFolder(): Promise<string | undefined> {
    const { folder } = this.#options;
    if (!(await this.#isReady) || folder === undefined) return undefined;
    try {
      return await mkdtemp(join(folder, 'runner-'));
    } catch (error) {
      this.#logger.warn('states are not kept on disk', { folder, reason: String(error) });
      return undefined;
    }
  }

  async #remove(folder: string): Promise<void> {
    try {
      await rm(folder, { recursive: true, force: true });
    } catch (error) {
      this.#logger.warn('states on disk could not be removed', { folder, reason: String(error) });
    }
  }
}
