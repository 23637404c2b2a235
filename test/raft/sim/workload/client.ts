import type { Outcome } from '../../../../agent/src/raft/node/pending-proposals.ts';
import type { Index } from '../../../../agent/src/raft/core/types.ts';
import type { History } from '../checks/history.ts';
import type { Cluster } from '../cluster/cluster.ts';
import type { Member } from '../cluster/member.ts';
import type { Setting } from '../cluster/setting.ts';
import { Violation } from '../failure.ts';
import type { Chance } from '../world/chance.ts';
import { encodeCommand, type Command, type Operation, type Result } from './command.ts';

/** What one client has under way. */
interface Write {
  readonly invoked: number;
  readonly operation: Operation;
  readonly sequence: number;
  attempts: number;
}

const registerKeys = ['red', 'green', 'blue', 'grey'];
const listKeys = ['log', 'list', 'line', 'row'];
const maxAttempts = 8;

export interface ClientOptions {
  readonly number: number;
  readonly setting: Setting;
  readonly cluster: Cluster;
  readonly history: History;
  /** Counts attempts of all clients. */
  readonly nextAttempt: () => number;
}

/** Somebody who wants things of the cluster, one after the other, and tries again until it is known what came of it. */
export class Client {
  readonly #options: ClientOptions;
  readonly #chance: Chance;
  readonly #readShare: number;
  #session: Index | undefined;
  #sequence = 0;
  #values = 0;
  #lastSeen = '';
  #home: Member | undefined;
  #isIdle = true;
  #wanted = Infinity;
  /** Writes that were acknowledged. */
  acknowledged = 0;
  readonly appended: { readonly key: string; readonly value: string }[] = [];

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#chance = options.setting.world.chance.stream(`client ${options.number}`);
    // Who writes to a leader that nobody follows waits for long; who only reads goes on.
    this.#readShare = this.#chance.pick([0.1, 0.4, 0.95]);
  }

  get isIdle(): boolean {
    return this.#isIdle;
  }

  start(): void {
    this.#isIdle = false;
    this.#soon();
  }

  /** Stops after so many more acknowledged writes. */
  finishAfter(writes: number): void {
    this.#wanted = this.acknowledged + writes;
    if (this.#isIdle) this.start();
  }

  #after(delay: number, action: () => void): void {
    this.#options.setting.world.clock.after(delay, action);
  }

  #soon(): void {
    this.#after(this.#chance.around(this.#options.setting.plan.thinkTime), () => this.#next());
  }

  #next(): void {
    if (this.acknowledged >= this.#wanted) {
      this.#isIdle = true;
      return;
    }
    if (this.#session === undefined) this.#open();
    else if (this.#chance.happens(this.#readShare)) this.#read();
    else this.#write(this.#newWrite());
  }

  #key(keys: readonly string[]): string {
    return this.#chance.pick(keys.slice(0, this.#options.setting.plan.keys));
  }

  #newWrite(): Write {
    this.#values += 1;
    this.#sequence += 1;
    const value = `${this.#options.number}.${this.#values}`;
    const kind = this.#chance.pick(['put', 'append', 'append', 'swap'] as const);
    const operation: Operation =
      kind === 'append'
        ? { kind, key: this.#key(listKeys), value }
        : kind === 'put'
          ? { kind, key: this.#key(registerKeys), value }
          : { kind, key: this.#key(registerKeys), expected: this.#lastSeen, value };
    return { invoked: this.#options.history.moment(), operation, sequence: this.#sequence, attempts: 0 };
  }

  /** Stays with one member as long as that serves it, even where others have gone on without that. */
  #target(): Member | undefined {
    const { cluster } = this.#options;
    if (this.#home?.condition === 'up') return this.#home;
    const leader = this.#chance.happens(0.5) ? cluster.leader() : undefined;
    const { up } = cluster;
    this.#home = leader?.member ?? (up.length === 0 ? undefined : this.#chance.pick(up));
    return this.#home;
  }

  /** It was of no use; maybe it will be again. */
  #disappointed(): void {
    if (this.#chance.happens(0.6)) this.#home = undefined;
  }

  #open(): void {
    this.#attempt(
      (attempt) => ({ kind: 'open', client: this.#options.number, attempt }),
      (outcome) => {
        if (outcome.kind === 'applied') {
          const result = outcome.result as Result;
          if (result.kind === 'opened') this.#session = result.session;
          this.#sequence = 0;
          this.#soon();
        } else this.#after(this.#chance.around(3 * this.#options.setting.plan.tick), () => this.#next());
      },
    );
  }

  #write(write: Write): void {
    const session = this.#session ?? 0;
    const { sequence, operation } = write;
    write.attempts += 1;
    this.#attempt(
      (attempt) => ({ kind: 'operate', session, sequence, attempt, operation }),
      (outcome) => this.#written(write, outcome),
    );
  }

  #written(write: Write, outcome: Outcome): void {
    const { setting, history, number } = this.#options;
    const { tally } = setting.world;
    const { invoked, operation } = write;
    const client = number;
    if (outcome.kind === 'applied') {
      const result = outcome.result as Result;
      if (result.kind === 'operated') {
        this.acknowledged += 1;
        tally.add('writes acknowledged');
        if (write.attempts > 1) tally.add('writes acknowledged after retries');
        history.calls.push({
          kind: 'write',
          client,
          invoked,
          returned: history.moment(),
          operation,
          swapped: result.swapped,
        });
        if (operation.kind === 'append') this.appended.push({ key: operation.key, value: operation.value });
        if (operation.kind === 'put' || result.swapped) this.#lastSeen = operation.value;
        this.#soon();
        return;
      }
      tally.add('sessions expired');
      this.#session = undefined;
    } else if (write.attempts < maxAttempts && (outcome.kind === 'refused' || this.#chance.happens(0.8))) {
      this.#after(this.#chance.around(3 * setting.plan.tick), () => this.#write(write));
      return;
    }
    tally.add('writes of unknown outcome');
    history.calls.push({ kind: 'write', client, invoked, returned: Infinity, operation, swapped: false });
    this.#soon();
  }

  /** @param done called once, with `unknown` when the member does not answer, or dies meanwhile */
  #attempt(command: (attempt: number) => Command, done: (outcome: Outcome) => void): void {
    const { setting, nextAttempt } = this.#options;
    const { plan, book, world, ledger } = setting;
    const attempt = nextAttempt();
    const floor = ledger.highestCommit;
    const bytes = encodeCommand(command(attempt), plan.padding === 0 ? 0 : this.#chance.below(plan.padding));
    const target = this.#target();
    const finish = this.#once<Outcome>(target, { kind: 'unknown' }, (outcome) => {
      world.note(20, this.#options.number, attempt, outcome.kind.length);
      if (outcome.kind !== 'applied') this.#disappointed();
      done(outcome);
    });
    target?.enter(({ driver }) => {
      driver.propose(bytes, (outcome) => {
        world.tally.add(`proposals ${outcome.kind}`);
        if (outcome.kind === 'refused') book.refused(attempt);
        if (outcome.kind === 'applied') book.answered(attempt, outcome.index);
        if (outcome.kind === 'applied' && outcome.index <= floor)
          throw new Violation(
            'proposals',
            `a proposal is applied at ${outcome.index}, committed before it was made`,
          );
        finish(outcome);
      });
    });
  }

  #read(): void {
    const { setting, history, number } = this.#options;
    const { world, ledger, questions } = setting;
    const key = this.#key(this.#chance.happens(0.5) ? registerKeys : listKeys);
    const invoked = history.moment();
    const floor = ledger.highestCommit;
    const target = this.#target();
    const finish = this.#once<string | undefined>(target, undefined, (value) => {
      world.note(21, number, value?.length ?? -1);
      if (value === undefined) this.#disappointed();
      if (value !== undefined) {
        world.tally.add('reads served');
        if (registerKeys.includes(key)) this.#lastSeen = value;
        history.calls.push({ kind: 'read', client: number, invoked, returned: history.moment(), key, value });
      }
      this.#soon();
    });
    target?.enter(({ driver, registers }) => {
      const begun = questions.readBegins(driver.status().id, driver.status());
      driver.read((applied) => {
        if (applied !== undefined) questions.readServed(driver.status().id, begun, driver.status());
        // Whatever was committed anywhere before the read began, it must see.
        if (applied !== undefined && applied < floor)
          throw new Violation(
            'reads',
            `a read is served at ${applied}, and ${floor} was committed before it began`,
          );
        finish(applied === undefined ? undefined : registers.read(key));
      });
    });
  }

  /** Takes one answer, or that there was none in time: a member that lives must have given one by then. */
  #once<Answer>(
    target: Member | undefined,
    none: Answer,
    done: (answer: Answer) => void,
  ): (answer: Answer) => void {
    const { world, plan } = this.#options.setting;
    const isUndisturbed = target?.watch() ?? (() => false);
    let isDone = false;
    const finish = (answer: Answer): void => {
      if (isDone) return;
      isDone = true;
      done(answer);
    };
    this.#after(2 * plan.limits.patienceTicks * plan.tick, () => {
      if (!isDone && isUndisturbed())
        world.fail(
          new Violation('bounded waits', `member ${target?.id} never answers client ${this.#options.number}`),
        );
      finish(none);
    });
    return finish;
  }
}
