import type { Mutant } from './mutant.ts';

export const reads: readonly Mutant[] = [
  {
    name: 'reads-before-own-commit',
    pitfall: 23,
    file: 'core/replication.ts',
    find: 'if (committedInTerm(state)) takeReads(',
    replace: 'if (state.term > 0) takeReads(',
    why: 'a new leader does not know yet what is committed',
  },
  {
    name: 'late-answers-confirm-later-reads',
    pitfall: 24,
    file: 'core/read-queue.ts',
    find: 'this.#acked.set(id, Math.min(number, this.latest));',
    replace: 'this.#acked.set(id, this.latest);',
    why: 'an answer confirms what was asked before its heartbeat left, and nothing later',
  },
  {
    name: 'reads-before-applied',
    pitfall: 25,
    file: 'node/pending-reads.ts',
    find: 'this.#confirmed.push({ index, reads: asked.reads });',
    replace: 'this.#confirmed.push({ index: Math.min(index, 0), reads: asked.reads });',
    why: 'the machine may not have come to the read index yet',
  },
  {
    name: 'reads-outlive-their-leader',
    pitfall: 25,
    file: 'core/state.ts',
    find: '    this.reads = new ReadQueue();\n    this.earlyReads = [];',
    replace: '    this.earlyReads = [];',
    why: 'reads that waited in an earlier term are confirmed by answers of a later one',
  },
  {
    name: 'late-reads-ride-along',
    pitfall: 24,
    file: 'node/pending-reads.ts',
    find: 'this.#confirmed.push({ index, reads: asked.reads });',
    replace: 'this.#confirmed.push({ index, reads: [...asked.reads, ...this.#fresh.splice(0)] });',
    why: 'a read that began after the question may have to see more than its answer',
  },
  {
    name: 'reads-without-quorum',
    pitfall: 26,
    file: 'core/read-queue.ts',
    find: '(id === self ? latest : (this.#acked.get(id) ?? 0))',
    replace: '(id === self || !this.#acked.has(id) ? latest : (this.#acked.get(id) ?? 0))',
    why: 'a leader that was replaced does not know it',
  },
];
