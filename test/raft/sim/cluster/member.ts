import type { Message } from '../../../../agent/src/raft/core/message.ts';
import type { Status } from '../../../../agent/src/raft/core/status.ts';
import type { NodeId } from '../../../../agent/src/raft/core/types.ts';
import { StorageError } from '../../../../agent/src/raft/storage/storage-error.ts';
import { hasTornTail } from '../checks/durable-view.ts';
import { describeMessage } from '../message-text.ts';
import { Violation } from '../failure.ts';
import type { Chance } from '../world/chance.ts';
import { millisecond } from '../world/clock.ts';
import { Disk, type Loss } from '../world/disk.ts';
import { MountedVfs } from '../world/mounted-vfs.ts';
import { memberDirectory, Process, walDirectory } from './process.ts';
import type { Setting } from './setting.ts';
import { Transfer, type End } from './transfer.ts';

/** `refused`: its disk is damaged, and it rightly does not start. `retired`: no member any more, and switched off. */
export type Condition = 'down' | 'booting' | 'up' | 'refused' | 'retired';

const streamPatience = 2000 * millisecond;
/** Of a process that is not asked to do anything: how soon its event loop comes round. */
const turnMicros = 30;

const isOfDisk = (error: unknown): boolean =>
  (error instanceof StorageError && (error.code === 'wal_failed' || error.code === 'snapshot_failed')) ||
  (error instanceof Error && ['EIO', 'ENOSPC'].includes((error as NodeJS.ErrnoException).code ?? ''));

/** One member: a disk, and the processes that live on it one after the other. */
export class Member {
  readonly id: NodeId;
  readonly disk: Disk;
  readonly #setting: Setting;
  readonly #find: (id: NodeId) => Member | undefined;
  readonly #chance: Chance;
  condition: Condition = 'down';
  clockRate = 1;
  /** One of its files was damaged on purpose: it may refuse to start. */
  isDamaged = false;
  #process: Process | undefined;
  /** Counts processes: what was meant for an earlier one is nobody's. */
  #life = 0;
  #hasLog = false;
  /** Counts what may keep the present process from doing something in time. */
  #disturbances = 0;
  #isPaused = false;
  #isCatchingUp = false;
  #backlog: (() => void)[] = [];

  constructor(id: NodeId, setting: Setting, find: (id: NodeId) => Member | undefined) {
    this.id = id;
    this.#setting = setting;
    this.#find = find;
    this.#chance = setting.world.chance.stream(`member ${id}`);
    this.disk = new Disk([memberDirectory], setting.plan.diskLatency * this.#chance.pick([0.1, 1, 1, 1, 3]));
  }

  get process(): Process | undefined {
    return this.condition === 'up' ? this.#process : undefined;
  }

  /** Never comes back. */
  get isLost(): boolean {
    return this.condition === 'refused' || this.condition === 'retired';
  }

  get isPaused(): boolean {
    return this.#isPaused;
  }

  /** @returns tells later whether the present process has gone on undisturbed since */
  watch(): () => boolean {
    const { process } = this;
    const disturbances = this.#disturbances;
    return () =>
      process !== undefined &&
      this.process === process &&
      this.#disturbances === disturbances &&
      !this.#isPaused;
  }

  status(): Status | undefined {
    return this.process?.driver.status();
  }

  /** Runs something as part of this member's present process, and looks at what that has changed. */
  enter(action: (process: Process) => void): void {
    const { process } = this;
    if (process !== undefined) this.#run(this.#life, () => action(process));
  }

  /** As `enter`, for what only waits for the next turn and so changes nothing yet. */
  #queue(action: (process: Process) => void): void {
    const { process } = this;
    if (process !== undefined) this.#run(this.#life, () => action(process), false);
  }

  #run(life: number, action: () => void, mayChange = true): void {
    if (life !== this.#life) return;
    if (this.#isPaused) {
      this.#backlog.push(action);
      return;
    }
    try {
      action();
      if (!mayChange) return;
      const status = this.status();
      if (status === undefined) return;
      this.#setting.ledger.observed(status);
      this.#setting.leadership.observed(status);
      this.#setting.questions.observed(status);
    } catch (error) {
      this.#uncaught(error);
    }
  }

  /** An exception that nobody catches ends a process. */
  #uncaught(error: unknown): void {
    const { world } = this.#setting;
    if (!isOfDisk(error) || !this.disk.wasFaulty) {
      world.fail(error);
      return;
    }
    world.tally.add('ended by an uncaught error of the disk');
    this.#failed(this.#life, error);
  }

  #later(life: number, delay: number, action: () => void): void {
    this.#setting.world.clock.after(delay, () => this.#run(life, action));
  }

  start(): void {
    if (this.condition !== 'down') return;
    const { world } = this.#setting;
    this.#life += 1;
    const life = this.#life;
    this.condition = 'booting';
    this.disk.hasFailedSync = false;
    world.note(10, this.id, life);
    world.log?.(`n${this.id} starts`);
    const vfs = new MountedVfs({
      disk: this.disk,
      clock: world.clock,
      chance: this.#chance,
      deliver: (completion) => this.#run(life, completion),
      isAlive: () => life === this.#life,
      failed: (what) => world.tally.add(what),
    });
    Process.boot(
      {
        id: this.id,
        setting: this.#setting,
        vfs,
        disk: this.disk,
        elections: world.chance.stream(`elections of ${this.id} in life ${life}`),
        isNew: !this.#hasLog,
        defer: (action) => this.#later(life, this.#chance.around(turnMicros), action),
        sendSnapshot: (message, done) => this.#streamSnapshot(life, message, done),
        onFailure: (error) => this.#failed(life, error),
      },
      (booted) => {
        if (booted instanceof Process) this.#begin(life, booted);
        else this.#failed(life, booted.error);
      },
    );
  }

  #begin(life: number, process: Process): void {
    if (life !== this.#life) return;
    this.#hasLog = true;
    this.#process = process;
    this.condition = 'up';
    this.#setting.world.tally.add('starts');
    this.#setting.leadership.started(this.id);
    this.#setting.questions.started(this.id);
    this.#tick(life, this.#chance.fraction());
  }

  #tick(life: number, share: number): void {
    const { clock } = this.#setting.world;
    clock.after((this.#setting.plan.tick / this.clockRate) * share, () => {
      if (life !== this.#life) return;
      this.#queue(({ driver }) => {
        if (!this.#isCatchingUp) this.#setting.leadership.ticked(this.id);
        driver.tick();
      });
      this.#tick(life, 1);
    });
  }

  #failed(life: number, error: unknown): void {
    if (life !== this.#life || this.condition === 'down') return;
    const { world } = this.#setting;
    const { wasFaulty } = this.disk;
    this.stop();
    const reason = error instanceof Error ? error.message : String(error);
    world.log?.(`n${this.id} fails: ${reason}`);
    if (wasFaulty && isOfDisk(error)) world.tally.add('stopped by the disk');
    else if (this.isDamaged && error instanceof StorageError) {
      world.tally.add('refused to start on a damaged disk');
      this.condition = 'refused';
    } else if (error instanceof Violation) world.fail(error);
    else world.fail(new Violation('member stopped', `member ${this.id}: ${reason}`, { cause: error }));
  }

  /** The process ends at once; its disk keeps what the kernel has. */
  stop(): void {
    if (this.condition !== 'up' && this.condition !== 'booting') return;
    this.#life += 1;
    this.#setting.world.note(11, this.id);
    this.#process = undefined;
    this.#backlog = [];
    this.#isPaused = false;
    this.condition = 'down';
  }

  /** The machine loses its power: what was not synced may be lost. */
  losePower(loss: Loss): void {
    const { tally } = this.#setting.world;
    this.stop();
    const { lost, torn, reordered, namesLost } = this.disk.crash(loss, this.#chance);
    if (lost) tally.add('crashes that lost writes');
    if (torn) tally.add('crashes that tore a write');
    if (reordered) tally.add('crashes that kept the end only');
    if (namesLost) tally.add('crashes that lost names');
    // It takes long to look.
    if (lost && hasTornTail(this.disk, walDirectory)) tally.add('torn tails recovered');
  }

  retire(): void {
    this.stop();
    this.condition = 'retired';
  }

  pause(): void {
    if (this.condition !== 'up') return;
    this.#disturbances += 1;
    this.#isPaused = true;
  }

  /** All that has come meanwhile comes at once. */
  resume(): void {
    if (!this.#isPaused) return;
    this.#disturbances += 1;
    this.#isPaused = false;
    const backlog = this.#backlog;
    this.#backlog = [];
    const life = this.#life;
    // Ticks that come together count as few.
    this.#isCatchingUp = true;
    for (const action of backlog) this.#run(life, action);
    this.#isCatchingUp = false;
    this.#setting.leadership.resumed(this.id);
  }

  receive(received: Message): void {
    const { world } = this.#setting;
    world.note(
      12,
      this.id,
      received.from,
      received.term,
      received.index,
      received.commit,
      received.entries.length,
    );
    world.log?.(describeMessage(received));
    this.#queue(({ driver }) => {
      this.#setting.ledger.received(received);
      this.#setting.leadership.received(received);
      this.#setting.questions.received(received, () => driver.status());
      driver.receive([received]);
    });
  }

  #streamSnapshot(life: number, message: Message, done: (delivered: boolean) => void): void {
    const { network, ledger, world } = this.#setting;
    ledger.sent(this.id, message);
    world.tally.add('snapshots sent');
    const sender = this.#end();
    if (sender === undefined) return;
    const receiver = (): End | undefined => {
      const member = this.#find(message.to);
      return member === undefined ? undefined : member.#end();
    };
    const received = (arrived: Message): void => ledger.received(arrived);
    const transfer = new Transfer({ message, network, sender, receiver, received, done });
    this.#later(life, streamPatience, () => transfer.end(false));
    this.#later(life, 0, () => transfer.start());
  }

  /** For what goes on over several events in this process, unless it ends. */
  #end(): End | undefined {
    const { process } = this;
    const life = this.#life;
    if (process === undefined) return undefined;
    return { process, run: (action) => this.#run(life, action) };
  }
}
