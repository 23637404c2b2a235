import { setTimeout as sleep } from 'node:timers/promises';
import { headers } from '@ollamamax/api';

interface ClusterStatus {
  readonly nodes: Readonly<Record<string, { readonly status: string }>>;
  readonly models: { readonly desired: number; readonly ready: number };
}

export interface ChatOutcome {
  readonly status: number;
  /** Id of the agent that did the work. */
  readonly servedBy: string | null;
  /** What the model said, or the body of an error. */
  readonly text: string;
  /** Whether the stream said that it is complete. */
  readonly done: boolean;
  /** What a stream that broke off ended with. */
  readonly error?: string | undefined;
}

/** One agent's API as a client with a password uses it. */
export class AgentApi {
  readonly #url: string;
  readonly #user: { readonly username: string; readonly password: string };
  #token: string | undefined;

  constructor(url: string, user: { readonly username: string; readonly password: string }) {
    this.#url = url;
    this.#user = user;
  }

  /** Logs in, once. Returns the token. */
  async login(): Promise<string> {
    if (this.#token !== undefined) return this.#token;
    const answer = await this.#fetch('/api/v1/auth/login', {
      headers: { 'content-type': 'application/json' },
      method: 'POST',
      body: JSON.stringify(this.#user),
    });
    const text = await answer.text();
    if (answer.status !== 200) throw new Error(`Login: ${answer.status} ${text}`);
    this.#token = (JSON.parse(text) as { token: string }).token;
    return this.#token;
  }

  /** Begins a group of agents with this one, as an administrator does once for a new cluster. */
  async bootstrap(): Promise<void> {
    const answer = await this.#fetch('/api/v1/cluster/bootstrap', {
      method: 'POST',
      headers: await this.#authorization(),
    });
    if (!answer.ok) throw new Error(`Bootstrap: ${answer.status} ${await answer.text()}`);
  }

  /** Waits until this agent sees so many agents and all models ready. @throws with what it sees after a minute */
  async untilReady(agents: number): Promise<void> {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const answer = await this.#fetch('/api/v1/cluster/status', { headers: await this.#authorization() });
      const text = await answer.text();
      if (answer.ok) {
        const { nodes, models } = JSON.parse(text) as ClusterStatus;
        const ready = Object.values(nodes).filter(({ status }) => status === 'online').length;
        if (ready === agents && models.desired > 0 && models.ready === models.desired) return;
      }
      if (Date.now() > deadline) throw new Error(`${agents} agents wanted, seen: ${answer.status} ${text}`);
      await sleep(200);
    }
  }

  /** Chats over the Ollama API and reads the stream to its end. */
  async chat(
    model: string,
    options: { readonly tokens?: number; readonly format?: object } = {},
  ): Promise<ChatOutcome> {
    const answer = await this.#fetch('/api/chat', {
      method: 'POST',
      headers: { ...(await this.#authorization()), 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: 'Hello, who are you?' }],
        ...(options.format === undefined ? {} : { format: options.format }),
        options: { num_predict: options.tokens ?? 16, temperature: 0 },
      }),
    });
    const servedBy = answer.headers.get(headers.servedBy);
    const text = await answer.text();
    if (!answer.ok) return { status: answer.status, servedBy, text, done: false };
    const lines = text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { message?: { content: string }; done?: boolean; error?: string });
    return {
      status: answer.status,
      servedBy,
      text: lines.map(({ message }) => message?.content ?? '').join(''),
      done: lines.at(-1)?.done === true,
      error: lines.at(-1)?.error,
    };
  }

  async #authorization(): Promise<{ authorization: string }> {
    return { authorization: `Bearer ${await this.login()}` };
  }

  #fetch(path: string, init: RequestInit): Promise<Response> {
    return fetch(`${this.#url}${path}`, { ...init, signal: AbortSignal.timeout(120_000) });
  }
}
