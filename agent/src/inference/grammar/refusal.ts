import { ApiError } from '@ollamamax/api';

/**
 * Ends the conversion of a schema that cannot be enforced.
 *
 * @param pointer JSON pointer of the part at fault, as a fragment such as `#/properties/age`.
 * @param why what is wrong and what to do, without a full stop.
 */
export const refuse = (pointer: string, why: string): never => {
  throw new ApiError('invalid_format', `The JSON Schema cannot be enforced at ${pointer}: ${why}.`, {
    param: pointer,
  });
};

/** JSON pointer of a child, escaped as RFC 6901 says. */
export const childPointer = (pointer: string, ...keys: readonly (string | number)[]): string =>
  keys.reduce<string>(
    (path, key) => `${path}/${String(key).replaceAll('~', '~0').replaceAll('/', '~1')}`,
    pointer,
  );

/** Steps a conversion may take; a hostile schema runs out of them instead of holding up the process. */
export class WorkBudget {
  #left: number;

  constructor(steps: number) {
    this.#left = steps;
  }

  /** @param pointer the part of the schema that causes the work. */
  spend(steps: number, pointer: string): void {
    this.#left -= steps;
    if (this.#left < 0) refuse(pointer, 'the schema takes too much work; make it smaller or simpler');
  }
}
