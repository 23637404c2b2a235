import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Ask, MemberPlan, MemberReport, Order, Told } from './wire.ts';

const program = fileURLToPath(new URL('member/main.ts', import.meta.url));
const answerMs = 5000;

/** One member in a process of its own, which is killed, stopped and started again. */
export class MemberProcess {
  readonly id: number;
  readonly #plan: MemberPlan;
  #child: ChildProcess | undefined;
  #socket: Socket | undefined;
  #create = true;
  #output = '';
  readonly #waiting = new Map<number, (told: Told) => void>();
  readonly #reports: ((report: MemberReport) => void)[] = [];

  constructor(plan: MemberPlan) {
    this.id = plan.id;
    this.#plan = plan;
  }

  get alive(): boolean {
    return this.#child !== undefined;
  }

  /** What it wrote last, for messages of failed tests. */
  get output(): string {
    return this.#output;
  }

  start(): void {
    const file = `${this.#plan.folder}.plan.json`;
    writeFileSync(file, JSON.stringify({ ...this.#plan, create: this.#create }));
    this.#create = false;
    const child = spawn(process.execPath, [program, file], { stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stderr.on('data', (chunk: Buffer) => {
      this.#output = (this.#output + chunk.toString()).slice(-8000);
    });
    createInterface({ input: child.stdout }).on('line', (line) => {
      this.#reports.shift()?.(JSON.parse(line) as MemberReport);
    });
    child.stdin.on('error', () => undefined);
    child.once('exit', () => {
      if (this.#child === child) this.#gone();
    });
  }

  #gone(): void {
    this.#child = undefined;
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#reports.length = 0;
    this.#drop();
  }

  /** Whoever waits for an answer learns that there will be none. */
  #drop(): void {
    const all = [...this.#waiting];
    this.#waiting.clear();
    for (const [number, tell] of all) tell({ number, kind: 'unknown' });
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#child;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  /** SIGSTOP and SIGCONT. */
  pause(paused: boolean): void {
    this.#child?.kill(paused ? 'SIGSTOP' : 'SIGCONT');
  }

  order(order: Order): void {
    this.#child?.stdin?.write(`${JSON.stringify(order)}\n`);
  }

  /** @returns undefined when it does not answer in time */
  status(): Promise<MemberReport | undefined> {
    if (this.#child === undefined) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(undefined), 1000);
      this.#reports.push((report) => {
        clearTimeout(late);
        resolve(report);
      });
      this.order({ kind: 'status' });
    });
  }

  ask(ask: Ask): Promise<Told> {
    const { number } = ask;
    if (this.#child === undefined) return Promise.resolve({ number, kind: 'refused' });
    return new Promise((resolve) => {
      const late = setTimeout(() => {
        this.#waiting.delete(number);
        resolve({ number, kind: 'unknown' });
      }, answerMs);
      this.#waiting.set(number, (told) => {
        clearTimeout(late);
        resolve(told);
      });
      this.#connection().write(`${JSON.stringify(ask)}\n`);
    });
  }

  #connection(): Socket {
    if (this.#socket !== undefined) return this.#socket;
    const socket = connect({ host: '127.0.0.1', port: this.#plan.clientPort });
    this.#socket = socket;
    createInterface({ input: socket })
      .on('line', (line) => {
        const told = JSON.parse(line) as Told;
        this.#waiting.get(told.number)?.(told);
        this.#waiting.delete(told.number);
      })
      .on('error', () => undefined);
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#socket !== socket) return;
      this.#socket = undefined;
      this.#drop();
    });
    return socket;
  }
}
