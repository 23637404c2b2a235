import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * In thousandths of the memory there is, as if the process took so much more: more than any other can take, since pages of
 * the model's file do not count once the kernel has taken them back.
 */
const handicap = 1000;
const highestScore = 1000;

/**
 * Has the kernel end this process before others when memory runs out: a model can be loaded again, the agent beside it
 * has members, streams and other models. Does nothing where the kernel knows no such thing, or does not allow it.
 * @param root of the file system; other than `/` in tests.
 */
export const preferAsVictim = (pid: number, root = '/'): void => {
  const path = join(root, `proc/${pid}/oom_score_adj`);
  try {
    const score = Number.parseInt(readFileSync(path, 'utf8'), 10);
    if (Number.isFinite(score)) writeFileSync(path, String(Math.min(highestScore, score + handicap)));
  } catch {
    // Another kernel than Linux, or a process that has ended.
  }
};

/**
 * How many processes the kernel has ended for want of memory, of a control group or of the machine, since it started.
 * @returns undefined where it does not tell
 */
export const readOomKills = (root = '/'): number | undefined => {
  try {
    const found = /^oom_kill (\d+)$/m.exec(readFileSync(join(root, 'proc/vmstat'), 'utf8'));
    return found?.[1] === undefined ? undefined : Number(found[1]);
  } catch {
    return undefined;
  }
};
