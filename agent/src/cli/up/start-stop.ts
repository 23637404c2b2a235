import type { AgentProcess } from './agent-process.ts';
import { localGraceSeconds } from './node-files.ts';
import type { Progress } from './progress.ts';
import type { StopSignals } from './stop-signals.ts';

const stopSlackMs = 5000;

/** Starts all, and waits until all are up. @throws what one failed with; the interruption */
export const startAll = async (
  agents: readonly AgentProcess[],
  signals: StopSignals,
  progress: Progress,
): Promise<void> => {
  let up = 0;
  const tell = (): void => progress.doing(`Starting agents: ${up} of ${agents.length} are up`);
  tell();
  const aborted = new Promise<never>((_resolve, reject) => {
    signals.controller.signal.addEventListener(
      'abort',
      () => reject(signals.controller.signal.reason as Error),
      { once: true },
    );
  });
  const starts = agents.map((agent) =>
    agent.start().then(() => {
      up += 1;
      tell();
    }),
  );
  // Those that lose the race are stopped by the caller and reject then; nobody asks for that.
  void Promise.allSettled([...starts, aborted]);
  await Promise.race([Promise.all(starts), aborted]);
  progress.say(`Agents up: ${agents.map(({ id }) => id).join(', ')}`);
};

/** The last agent first, one after the other, so that running requests have somewhere to go as long as possible. */
export const stopAll = async (agents: readonly AgentProcess[], progress: Progress): Promise<void> => {
  for (const [index, agent] of agents.toReversed().entries()) {
    progress.doing(`Stopping agents: ${index} of ${agents.length} have ended`);
    if ((await agent.stop(localGraceSeconds * 1000 + stopSlackMs)) === 'killed')
      progress.say(`${agent.id} did not end within its grace time and was killed.`);
  }
};
