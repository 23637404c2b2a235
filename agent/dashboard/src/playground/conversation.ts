import { useSyncExternalStore } from 'react';
import { ProblemError } from '../api/problem.ts';
import { messages } from '../messages.ts';
import { streamChat, type ChatRequest, type ChatStats } from './chat-stream.ts';

export interface Turn {
  readonly id: number;
  readonly role: 'user' | 'assistant';
  readonly content: string;
  readonly state: 'done' | 'waiting' | 'streaming' | 'stopped' | 'failed';
  readonly stats?: ChatStats;
  readonly error?: { readonly message: string; readonly action: string };
}

export interface Settings {
  readonly model: string;
  readonly system: string;
  /** As typed; empty: the model's own. */
  readonly temperature: string;
  readonly maxTokens: string;
}

export interface Conversation {
  readonly turns: readonly Turn[];
  readonly settings: Settings;
  readonly busy: boolean;
}

const numberOf = (text: string): number | undefined => {
  const value = Number(text);
  return text.trim() === '' || !Number.isFinite(value) ? undefined : value;
};

/** The request for the agent: what was said, without answers that failed or never began. */
export const toRequest = (settings: Settings, turns: readonly Turn[]): ChatRequest => {
  const temperature = numberOf(settings.temperature);
  const maxTokens = numberOf(settings.maxTokens);
  return {
    model: settings.model,
    messages: [
      ...(settings.system.trim() === '' ? [] : [{ role: 'system' as const, content: settings.system }]),
      ...turns.filter(({ content }) => content !== '').map(({ role, content }) => ({ role, content })),
    ],
    stream: true,
    options: {
      ...(temperature === undefined ? {} : { temperature }),
      ...(maxTokens === undefined ? {} : { num_predict: maxTokens }),
    },
  };
};

/** Lives outside the page, so that an answer goes on while another page is shown. */
class ConversationStore {
  #value: Conversation = {
    turns: [],
    settings: { model: '', system: '', temperature: '', maxTokens: '' },
    busy: false,
  };
  #nextId = 1;
  #controller: AbortController | undefined;
  readonly #listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly get = (): Conversation => this.#value;

  change(settings: Partial<Settings>): void {
    this.#set({ settings: { ...this.#value.settings, ...settings } });
  }

  clear(): void {
    this.stop();
    this.#set({ turns: [], busy: false });
  }

  stop(): void {
    this.#controller?.abort();
  }

  async send(prompt: string, token: string | undefined): Promise<void> {
    const { settings, busy } = this.#value;
    if (busy) return;
    const asked = [...this.#value.turns, this.#turn('user', prompt, 'done')];
    const answer = this.#turn('assistant', '', 'waiting');
    this.#set({ turns: [...asked, answer], busy: true });
    const controller = new AbortController();
    this.#controller = controller;
    try {
      for await (const part of streamChat(toRequest(settings, asked), token, controller.signal)) {
        if (part.kind === 'text')
          this.#update(answer.id, (turn) => ({
            ...turn,
            content: turn.content + part.text,
            state: 'streaming',
          }));
        else this.#update(answer.id, (turn) => ({ ...turn, state: 'done', stats: part.stats }));
      }
    } catch (error) {
      this.#update(answer.id, (turn) =>
        controller.signal.aborted
          ? { ...turn, state: 'stopped' }
          : { ...turn, state: 'failed', error: inWords(error) },
      );
    } finally {
      if (this.#controller === controller) {
        this.#controller = undefined;
        this.#set({ busy: false });
      }
    }
  }

  #turn(role: Turn['role'], content: string, state: Turn['state']): Turn {
    const id = this.#nextId;
    this.#nextId += 1;
    return { id, role, content, state };
  }

  #update(id: number, change: (turn: Turn) => Turn): void {
    this.#set({ turns: this.#value.turns.map((turn) => (turn.id === id ? change(turn) : turn)) });
  }

  #set(change: Partial<Conversation>): void {
    this.#value = { ...this.#value, ...change };
    for (const listener of this.#listeners) listener();
  }
}

const inWords = (error: unknown): { readonly message: string; readonly action: string } =>
  error instanceof ProblemError
    ? { message: error.message, action: error.action }
    : { message: messages.playground.broken, action: messages.playground.brokenAction };

export const conversation = new ConversationStore();

export const useConversation = (): Conversation =>
  useSyncExternalStore(conversation.subscribe, conversation.get);
