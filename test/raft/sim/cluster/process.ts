import type { Message } from '../../../../agent/src/raft/core/message.ts';
import type { AppendWork } from '../../../../agent/src/raft/core/ready.ts';
import type { Index, NodeId, Snapshot } from '../../../../agent/src/raft/core/types.ts';
import { Driver } from '../../../../agent/src/raft/node/driver.ts';
import { SnapshotShelf } from '../../../../agent/src/raft/node/snapshot-shelf.ts';
import type { DurableLog, SnapshotFiles } from '../../../../agent/src/raft/node/state-machine.ts';
import { openWal } from '../../../../agent/src/raft/storage/open-wal.ts';
import type { WalIdentity } from '../../../../agent/src/raft/storage/segment.ts';
import { SnapshotStore } from '../../../../agent/src/raft/storage/snapshot-store.ts';
import type { Vfs } from '../../../../agent/src/raft/storage/vfs.ts';
import type { Wal } from '../../../../agent/src/raft/storage/wal.ts';
import { imageOf, Registers } from '../workload/registers.ts';
import type { Chance } from '../world/chance.ts';
import type { Disk } from '../world/disk.ts';
import type { Setting } from './setting.ts';

const clusterId = 'simulated';
export const memberDirectory = '/member';
export const walDirectory = `${memberDirectory}/wal`;
export const snapshotDirectory = `${memberDirectory}/snapshots`;

export const identityOf = (memberId: NodeId): WalIdentity => ({
  clusterId,
  memberId,
  incarnation: `life-${memberId}`,
});

const unlimited = Number.MAX_SAFE_INTEGER;

export interface ProcessOptions {
  readonly id: NodeId;
  readonly setting: Setting;
  readonly vfs: Vfs;
  readonly disk: Disk;
  /** Drawn from by the core. */
  readonly elections: Chance;
  /** Whether its log was made before: one that is gone then is no reason to begin another. */
  readonly isNew: boolean;
  /** Runs something soon, as long as the process lives. */
  readonly defer: (action: () => void) => void;
  readonly sendSnapshot: (message: Message, done: (delivered: boolean) => void) => void;
  /** The process is over, by an error of its disk or of its own. */
  readonly onFailure: (error: unknown) => void;
}

/** One life of one member: the real driver over the real log, in a world that is not. */
export class Process {
  readonly driver: Driver;
  readonly registers: Registers;
  readonly wal: Wal;
  readonly store: SnapshotStore;

  private constructor(driver: Driver, registers: Registers, wal: Wal, store: SnapshotStore) {
    this.driver = driver;
    this.registers = registers;
    this.wal = wal;
    this.store = store;
  }

  /** @param done told later, unless the process dies meanwhile */
  static boot(options: ProcessOptions, done: (booted: Process | { readonly error: unknown }) => void): void {
    const store = new SnapshotStore(options.vfs, snapshotDirectory);
    store.open((error) => {
      if (error === undefined) Process.#openLog(options, store, done);
      else done({ error });
    });
  }

  static #openLog(
    options: ProcessOptions,
    store: SnapshotStore,
    done: (booted: Process | { readonly error: unknown }) => void,
  ): void {
    const { id, setting, vfs, isNew, onFailure } = options;
    const { plan, founding } = setting;
    openWal(
      {
        vfs,
        directory: walDirectory,
        identity: identityOf(id),
        create: isNew ? founding : undefined,
        segmentBytes: plan.segmentBytes,
        cacheBytes: plan.cacheBytes,
        onFailure,
        onTrouble: () => setting.world.tally.add('log in trouble'),
      },
      ({ wal, error }) => {
        if (wal === undefined) {
          done({ error });
          return;
        }
        try {
          done(Process.#assemble(options, wal, store));
        } catch (failed) {
          done({ error: failed });
        }
      },
    );
  }

  static #assemble(options: ProcessOptions, wal: Wal, store: SnapshotStore): Process {
    const { id, setting, vfs, elections, defer, sendSnapshot, onFailure } = options;
    const { world, plan, network, ledger, leadership, promises, questions, founding, book } = setting;
    const { hardState } = wal.initialState();
    const first = wal.firstIndex();
    ledger.started(id, {
      ...hardState,
      base: { index: first - 1, term: wal.term(first - 1) ?? 0 },
      entries: wal.entries(first, wal.lastIndex() + 1, unlimited) ?? [],
    });
    const registers = new Registers(founding, {
      applied: (index, hash, command) => {
        book.applied(id, index, hash);
        book.command(index, command);
      },
      membersChanged: (index, hash, config) => {
        book.applied(id, index, hash);
        questions.membersChanged(id, config);
      },
      restored: (index, image) => book.image(id, index, image),
    });
    const driver: Driver = new Driver({
      raft: { ...plan.raft, id, random: (below) => elections.below(below) },
      limits: plan.limits,
      log: new WatchedLog(id, wal, setting, () => driver.status().applied),
      snapshots: watched(new SnapshotShelf(vfs, snapshotDirectory, store), (index, image) =>
        book.image(id, index, image),
      ),
      machine: registers,
      send: (messages) => {
        for (const one of messages) {
          ledger.sent(id, one);
          leadership.sent(id, one);
          promises.sent(one, options.disk);
          questions.sent(id, one, () => driver.status());
          network.send(id, one);
        }
      },
      sendSnapshot,
      defer,
      onFailure,
      onRole: ({ role }) => world.tally.add(`became ${role}`),
    });
    return new Process(driver, registers, wal, store);
  }
}

const watched = (files: SnapshotFiles, taken: (index: number, image: string) => void): SnapshotFiles => ({
  save: (snapshot, state, done) => {
    imageOf(snapshot.index, snapshot.config, state);
    taken(snapshot.index, new TextDecoder().decode(state));
    files.save(snapshot, state, done);
  },
  read: (index) => files.read(index),
  dropOlder: (than) => files.dropOlder(than),
});

/** The real log, with the checker's books kept beside it. */
class WatchedLog implements DurableLog {
  readonly #id: NodeId;
  readonly #wal: Wal;
  readonly #setting: Setting;
  readonly #applied: () => Index;

  constructor(id: NodeId, wal: Wal, setting: Setting, applied: () => Index) {
    this.#id = id;
    this.#wal = wal;
    this.#setting = setting;
    this.#applied = applied;
  }

  initialState(): ReturnType<DurableLog['initialState']> {
    return this.#wal.initialState();
  }

  firstIndex(): number {
    return this.#wal.firstIndex();
  }

  lastIndex(): number {
    return this.#wal.lastIndex();
  }

  term(index: number): number | undefined {
    return this.#wal.term(index);
  }

  entries(from: number, to: number, maxBytes: number): ReturnType<DurableLog['entries']> {
    return this.#wal.entries(from, to, maxBytes);
  }

  snapshot(): Snapshot | undefined {
    return this.#wal.snapshot();
  }

  append(work: AppendWork, done: () => void): void {
    const { ledger } = this.#setting;
    ledger.handed(this.#id, work, this.#applied);
    this.#wal.append(work, () => {
      ledger.done(this.#id, work);
      done();
    });
  }

  recordSnapshot(snapshot: Snapshot, done: () => void): void {
    this.#setting.world.tally.add('snapshots taken');
    this.#wal.recordSnapshot(snapshot, done);
  }

  compact(index: number, done: () => void): void {
    this.#setting.world.tally.add('compactions');
    this.#wal.compact(index, done);
  }
}
