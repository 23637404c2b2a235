import type { ErrorCode } from '@ollamamax/api';
import type { Answer, CatalogPart, CatalogState } from './catalog-state.ts';

/** State after a command, what to tell its sender, and which part is another one now. */
export interface Applied {
  readonly state: CatalogState;
  readonly answer: Answer;
  readonly changed: CatalogPart | undefined;
}

export const done = (
  state: CatalogState,
  changed?: CatalogPart,
  value: Readonly<Record<string, unknown>> = {},
): Applied => ({ state, answer: { ok: true, value }, changed });

export const refused = (state: CatalogState, code: ErrorCode, message: string): Applied => ({
  state,
  answer: { ok: false, code, message },
  changed: undefined,
});

/** Names are the users' own: one called `constructor` is no more there than any other. */
export const own = <T>(record: Readonly<Record<string, T>>, key: string | number): T | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

export const without = <T>(record: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> => {
  const { [key]: _gone, ...rest } = record;
  return rest;
};
