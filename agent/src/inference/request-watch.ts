import type { EngineObserver } from './observer.ts';
import type { JobEvent } from './runner/protocol.ts';

/** One request, as its events go by. */
interface Watch {
  event(event: JobEvent): void;
  crashed(stopped: boolean): void;
}

/** Tells the observer how one request goes. */
export const createWatch = (observer: EngineObserver, name: string, startedAt: number): Watch => {
  let lastAt: number | undefined;
  let seen = 0;
  return {
    event: (event) => {
      const now = performance.now();
      switch (event.kind) {
        case 'text':
        case 'thinking':
        case 'tool_calls':
        case 'embeddings':
        case 'scores':
        case 'tokens':
          if (lastAt === undefined) observer.firstToken?.(name, (now - startedAt) / 1000);
          if (event.kind === 'text' || event.kind === 'thinking') {
            seen += event.tokens;
            observer.tokens?.(name, event.tokens, (now - (lastAt ?? now)) / 1000);
          }
          lastAt = now;
          return;
        case 'done': {
          const { promptTokens, completionTokens, guesses } = event.usage;
          observer.finished?.(name, event.reason, promptTokens, completionTokens);
          if (guesses !== undefined) observer.guessed?.(name, guesses.right, guesses.wrong);
          return;
        }
        case 'failed':
          observer.finished?.(name, event.code, 0, seen);
          return;
        case 'cancelled':
          observer.finished?.(name, 'cancelled', 0, seen);
      }
    },
    crashed: (stopped) => observer.finished?.(name, stopped ? 'agent_draining' : 'runner_crashed', 0, seen),
  };
};
