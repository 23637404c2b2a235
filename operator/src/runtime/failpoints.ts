import { setTimeout as pause } from 'node:timers/promises';

/** Places between two writes at which a test breaks or ends the process. */
export interface Failpoints {
  /** Does nothing unless that place was switched on. @throws Error when the place is to fail */
  hit(name: string): Promise<void>;
}

export interface FailpointOptions {
  /**
   * Places and what happens there: `after-secret=crash;before-status=2*error,1*sleep(500)`.
   * `crash`, `error` or `sleep(MS)`, each as often as its number says, once unless given; then nothing.
   */
  readonly spec: string;
  /** Ends the process at once, without cleaning up. */
  readonly crash: (name: string) => void;
}

export const noFailpoints: Failpoints = { hit: () => Promise.resolve() };

type Step = { readonly kind: 'crash' | 'error' } | { readonly kind: 'sleep'; readonly ms: number };

/** @throws SyntaxError for a spec that is none */
export const createFailpoints = ({ spec, crash }: FailpointOptions): Failpoints => {
  const places = new Map<string, Step[]>();
  for (const part of spec.split(';')) {
    if (part.trim() === '') continue;
    const [name = '', steps = ''] = part.split('=', 2).map((text) => text.trim());
    if (name === '' || steps === '') throw new SyntaxError(`failpoint ${part.trim()}: NAME=STEPS expected`);
    places.set(
      name,
      steps.split(',').flatMap((step) => parseStep(step.trim())),
    );
  }
  return {
    hit: async (name) => {
      const step = places.get(name)?.shift();
      if (step === undefined) return;
      switch (step.kind) {
        case 'crash':
          crash(name);
          return;
        case 'error':
          throw new Error(`failpoint ${name}`);
        case 'sleep':
          await pause(step.ms);
      }
    },
  };
};

const parseStep = (text: string): Step[] => {
  const match = /^(?:(\d{1,4})\*)?(?:(crash|error)|sleep\((\d{1,6})\))$/.exec(text);
  if (match === null) throw new SyntaxError(`failpoint step ${text}: crash, error or sleep(MS) expected`);
  const [, times = '1', kind, ms] = match;
  const step: Step = kind === 'crash' || kind === 'error' ? { kind } : { kind: 'sleep', ms: Number(ms ?? 0) };
  return Array.from({ length: Number(times) }, () => step);
};
