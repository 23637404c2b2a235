import type { Answer } from './agent-client.ts';
import { differencesOf, type FoundDifference } from './answer-differences.ts';

/** A request that another server and an agent are sent. */
export interface OracleRequest {
  readonly name: string;
  readonly method?: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What an agent is asked instead, where its own path or fields are others. */
  readonly ours?: { readonly path: string; readonly body?: object };
}

/** What is meant to differ, and where it shows. */
export interface ListedDifference {
  /** The sentence that tells it in docs/compatibility.md. */
  readonly because: string;
  readonly shown: readonly (AnyAnswer | EachAnswer)[];
}

/** Keys of differences that answers on a path may show; each key must be needed by one of them. */
interface AnyAnswer {
  readonly on: RegExp;
  readonly keys: readonly (string | RegExp)[];
}

/** Keys that the answer to each of these requests must show. */
interface EachAnswer {
  readonly requests: readonly string[];
  readonly keys: readonly string[];
}

export interface Verdict {
  readonly unlisted: readonly FoundDifference[];
  /** Keys that are listed for the request and were not found: to be struck from the list. */
  readonly gone: readonly string[];
}

const matches = (listed: string | RegExp, key: string): boolean =>
  typeof listed === 'string' ? listed === key : listed.test(key);

/** Holds what differs against what is listed, and remembers which entries were needed. */
export class DifferenceList {
  readonly #any: readonly AnyAnswer[];
  readonly #each: readonly EachAnswer[];
  readonly #needed = new Set<string>();

  constructor(differences: readonly ListedDifference[]) {
    const shown = differences.flatMap((difference) => difference.shown);
    this.#any = shown.filter((entry) => 'on' in entry);
    this.#each = shown.filter((entry) => 'requests' in entry);
  }

  judge({ name, path }: OracleRequest, ours: Answer, theirs: Answer): Verdict {
    const found = differencesOf(ours, theirs);
    const demanded = new Set(
      this.#each.filter(({ requests }) => requests.includes(name)).flatMap(({ keys }) => keys),
    );
    const unlisted = found.filter(({ key }) => {
      let listed = demanded.has(key);
      for (const { on, keys } of this.#any)
        for (const one of keys)
          if (on.test(path) && matches(one, key)) {
            this.#needed.add(`${String(on)} ${String(one)}`);
            listed = true;
          }
      return !listed;
    });
    return { unlisted, gone: [...demanded].filter((key) => !found.some((one) => one.key === key)) };
  }

  /** Keys that no answer has shown so far. */
  unneeded(): string[] {
    return this.#any
      .flatMap(({ on, keys }) => keys.map((key) => `${String(on)} ${String(key)}`))
      .filter((entry) => !this.#needed.has(entry));
  }

  /** Requests of the list that there are not. */
  unknown(requests: readonly OracleRequest[]): string[] {
    const names = new Set(requests.map(({ name }) => name));
    return this.#each.flatMap((entry) => entry.requests.filter((name) => !names.has(name)));
  }
}
