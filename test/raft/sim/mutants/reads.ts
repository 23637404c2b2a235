import type { Mutant } from './mutant.ts';

export const reads: readonly Mutant[] = [
  {
    name: 'read-answers-of-an-earlier-life',
    pitfall: 0,
    file: 'node/pending-reads.ts',
    find: 'this.#lastToken = nonce * questionsOfAProcess;',
    replace: 'this.#lastToken = 0 * nonce;',
    why: 'questions of an earlier process have the same numbers, and their answers may come late (found here)',
    survives:
      'takes a process that starts again while an answer is on its way, and asks first; seed 36,219 found it. `agent/src/raft/node/pending-reads.test.ts` "are not answered by what an earlier process of this member has asked" finds it',
  },
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
    name: 'confirmed-reads-wait-for-ever',
    pitfall: 0,
    file: 'node/pending-reads.ts',
    find: 'const late = [this.#fresh, ...this.#confirmed.map(({ reads }) => reads)].flat().filter(isLate);',
    replace: 'const late = this.#fresh.filter(isLate);',
    why: 'a member that is cut off after the answer never gets the entries it waits for (found here)',
  },
  {
    name: 'late-reads-join-a-question',
    pitfall: 24,
    file: 'node/pending-reads.ts',
    find: '    if (this.#fresh.length === 0) return undefined;\n',
    replace:
      '    const open = [...this.#asked.values()].at(-1);\n    if (open !== undefined) (open.reads as Read[]).push(...this.#fresh.splice(0));\n    if (this.#fresh.length === 0) return undefined;\n',
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
