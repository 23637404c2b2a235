import type { ModelSpec } from '@ollamamax/api';
import { descendantsOf } from '../../harness/cli.ts';
import { startLocalCluster, untilServing } from '../../harness/local-cluster.ts';
import { BenchRefused } from '../harness/bench.ts';
import { own, pidOf } from '../harness/child-process.ts';
import { largestOf, type Engine, type EngineSetup } from './engine.ts';

export const ours = 'ours';
export const guessing = 'ours, guessing';
export const drafting = 'ours, with a draft model';

const draftOf = ({ draft }: EngineSetup, name: string): Pick<ModelSpec, 'draft'> =>
  name === drafting && draft !== undefined ? { draft: { source: { file: draft } } } : {};

/**
 * One agent that is alone, as `ollamamax serve` starts it, asked by plain HTTP like the others. It guesses no tokens
 * unless it is to: a model with random weights repeats itself, and what that saves is no measure of an engine.
 */
export const startOurs = async (
  setup: EngineSetup,
  name: typeof ours | typeof guessing | typeof drafting = ours,
): Promise<Engine> => {
  const cluster = await startLocalCluster({
    agents: 1,
    models: [{ name: 'bench', source: { file: setup.file }, ...draftOf(setup, name) }],
    config: {
      settings: {
        contextSize: setup.contextSize,
        parallel: setup.parallel,
        keepAliveSeconds: -1,
        speculation: name !== ours,
      },
      inference: { threads: setup.threads },
    },
  });
  try {
    const [agent] = cluster.agents;
    if (agent === undefined) throw new BenchRefused('the agent ended');
    own(agent.process);
    await untilServing(cluster);
    const pid = pidOf(agent.process);
    const processes = (): readonly number[] => [pid, ...descendantsOf(pid)];
    return {
      name,
      url: agent.api,
      model: 'bench',
      holder: () => largestOf(descendantsOf(pid)),
      processes,
      stop: () => cluster.stop(),
    };
  } catch (error) {
    await cluster.stop();
    throw error;
  }
};
