import { eventually, type LocalCluster } from '../harness/local-cluster.ts';

/** What tests of models ask the agents of a cluster, by the id of the agent. */
export interface ModelCalls {
  send(agent: string, method: string, path: string, body?: unknown): Promise<Response>;
  /** The answer, with its status as `http`. */
  json(agent: string, method: string, path: string, body?: unknown): Promise<unknown>;
  /** What a stream of progress tells, digests left out. */
  statuses(agent: string, path: string, body: object): Promise<string[]>;
  /** Names of the models that can be asked, in order. */
  names(agent: string): Promise<string[]>;
  /** Text of the likeliest answer; the whole answer when there is none. */
  chat(agent: string, model: string, messages?: object[]): Promise<unknown>;
  /** Waits until it holds at every agent. */
  everywhere(what: string, check: (agent: string) => Promise<boolean>): Promise<void>;
}

export const hello = [{ role: 'user', content: 'Hello!' }];

/** @param cluster asked anew for each call: agents may have started again */
export const modelCalls = (cluster: () => LocalCluster): ModelCalls => {
  const send: ModelCalls['send'] = (agent, method, path, body) =>
    fetch(`${cluster().agent(agent).api}${path}`, {
      method,
      ...(body === undefined
        ? {}
        : { body: body instanceof Uint8Array ? new Uint8Array(body) : JSON.stringify(body) }),
      signal: AbortSignal.timeout(60_000),
    });
  const json: ModelCalls['json'] = async (agent, method, path, body) => {
    const response = await send(agent, method, path, body);
    const text = await response.text();
    return { http: response.status, ...(JSON.parse(text === '' ? '{}' : text) as object) };
  };
  return {
    send,
    json,
    statuses: async (agent, path, body) => {
      const text = await (await send(agent, 'POST', path, body)).text();
      return text
        .trimEnd()
        .split('\n')
        .map((line) => {
          const { status, error } = JSON.parse(line) as { status?: string; error?: string };
          return (status ?? error ?? line).replace(/sha256:[0-9a-f]{64}/, 'DIGEST');
        });
    },
    names: async (agent) => {
      const { models } = (await json(agent, 'GET', '/api/tags')) as { models: { name: string }[] };
      return models.map(({ name }) => name).toSorted();
    },
    chat: async (agent, model, messages = hello) => {
      const options = { temperature: 0, num_predict: 40 };
      const answer = await json(agent, 'POST', '/api/chat', { model, messages, options, stream: false });
      return (answer as { message?: { content: string } }).message?.content ?? answer;
    },
    everywhere: async (what, check) => {
      for (const { id } of cluster().agents) await eventually(`${what} at ${id}`, () => check(id));
    },
  };
};
