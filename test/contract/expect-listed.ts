import { expect } from '@jest/globals';
import { read } from '../conventions/repository.ts';
import { send, type Answer } from './agent-client.ts';
import type { DifferenceList, ListedDifference, OracleRequest } from './listed-differences.ts';

/** Sends a request. @param asked what of it differs for this one */
const ask = (
  base: string,
  { path, body, method, headers }: OracleRequest,
  asked?: OracleRequest['ours'],
): Promise<Answer> => {
  const sent = asked === undefined ? body : asked.body;
  return send(base, asked?.path ?? path, {
    method: method ?? (sent === undefined ? 'GET' : 'POST'),
    body: sent,
    ...(headers === undefined ? {} : { headers }),
  });
};

/** Asks both, and fails where answers differ otherwise than listed. */
export const expectListed = async (
  list: DifferenceList,
  request: OracleRequest,
  ours: string,
  theirs: string,
): Promise<void> => {
  const answer = await ask(ours, request, request.ours);
  // 502: of a registry that does not answer.
  expect([500, 501, 503, 504]).not.toContain(answer.status);
  expect(list.judge(request, answer, await ask(theirs, request))).toEqual({ unlisted: [], gone: [] });
};

/** Fails for a list of which something is not needed or not told. */
export const expectTold = (
  list: DifferenceList,
  requests: readonly OracleRequest[],
  differences: readonly ListedDifference[],
): void => {
  const told = read('docs/compatibility.md').replaceAll(/\s+/g, ' ');
  expect({
    untold: differences.map(({ because }) => because).filter((sentence) => !told.includes(sentence)),
    unneeded: list.unneeded(),
    unknown: list.unknown(requests),
    twice: requests.map(({ name }) => name).filter((name, index, names) => names.indexOf(name) !== index),
  }).toEqual({ untold: [], unneeded: [], unknown: [], twice: [] });
};
