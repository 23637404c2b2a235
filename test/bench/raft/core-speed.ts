import { RawNode } from '../../../agent/src/raft/core/raw-node.ts';
import type { Message } from '../../../agent/src/raft/core/message.ts';
import { defaultMemberSettings } from '../../../agent/src/raft/node/member-settings.ts';
import { MemoryLog } from '../../raft/memory-log.ts';

const entries = 200_000;
const batch = 64;
/** Of the log: the memory log copies what it keeps. */
const compactEvery = 4096;

/** Three cores in this process, no disk and no network. @returns entries that all have applied, per second */
export const coreSpeed = (): number => {
  const config = { voters: [1, 2, 3], outgoing: [], learners: [], learnersNext: [], autoLeave: false };
  const nodes = config.voters.map((id) => {
    const log = new MemoryLog({ index: 1, term: 1, config, data: new Uint8Array() });
    const random = (below: number): number => (id * 7) % below;
    return { log, node: new RawNode({ ...defaultMemberSettings.raft, id, applied: 1, random }, log) };
  });
  const drain = (): void => {
    for (let bag: Message[] = []; ; bag = []) {
      for (const { log, node } of nodes)
        while (node.hasReady()) {
          const { messages, append, apply } = node.ready();
          bag.push(...messages);
          if (append !== undefined) {
            log.append(append);
            node.appendDone(append);
            bag.push(...append.messages);
          }
          if (apply === undefined) continue;
          node.applyDone(apply);
          const last = apply.entries.at(-1)?.index ?? 0;
          if (last - log.firstIndex() > compactEvery) {
            log.createSnapshot(last, config, new Uint8Array());
            log.compact(last - batch);
          }
        }
      if (bag.length === 0) return;
      for (const message of bag) nodes[message.to - 1]?.node.step(message);
    }
  };
  const leader = nodes[0]?.node;
  if (leader === undefined) throw new Error('there are no nodes');
  leader.campaign();
  drain();
  const data = Array.from({ length: batch }, () => new Uint8Array(64));
  const begin = performance.now();
  for (let done = 0; done < entries; done += batch) {
    leader.propose(data);
    drain();
  }
  return entries / ((performance.now() - begin) / 1000);
};
