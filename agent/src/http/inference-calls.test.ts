import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { ApiError, type InferenceEvent } from '@ollamamax/api';
import { done, startInferenceApi, token, type InferenceApi } from './inference-api.fixture.ts';

let api: InferenceApi;

beforeAll(async () => {
  api = await startInferenceApi();
});
afterAll(() => api.stop());
beforeEach(() => api.play([done()]));

const path = '/v1/chat/completions';
const body = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };
const waiting: readonly InferenceEvent[] = [
  { type: 'queue', position: 3, expectedWaitSeconds: 1.2 },
  { type: 'queue', position: 1, expectedWaitSeconds: 0.4 },
  { type: 'text', text: 'Hello' },
  done(),
];

const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });

test('a client that asks is told in comments where it stands, and in a header where it stood first', async () => {
  api.play(waiting);
  const answer = await api.post(path, { ...body, stream: true }, { 'x-report-queue': 'true' });
  expect(api.requests[0]?.reportQueue).toBe(true);
  expect(answer.text.split('\n\n').slice(0, 2)).toEqual([
    ': queue position=3 expected-wait=1.2',
    ': queue position=1 expected-wait=0.4',
  ]);
  expect(answer.headers.get('x-queue-position')).toBe('3');
  expect(answer.events()).toHaveLength(3);

  const whole = await api.post(path, body, { 'x-report-queue': 'true' });
  expect(whole.headers.get('x-queue-position')).toBe('3');
  expect(whole.json()).toMatchObject({ choices: [{ message: { content: 'Hello' } }] });
});

test('a client that does not ask is told nothing', async () => {
  await api.post(path, body);
  expect(api.requests[0]).not.toHaveProperty('reportQueue');
});

test('an error before the first event is an error answer, a later one ends the stream', async () => {
  api.play(() => {
    throw new ApiError('queue_full', undefined, { retryAfterSeconds: 7 });
  });
  const refused = await api.post(path, { ...body, stream: true });
  expect(refused.status).toBe(503);
  expect(refused.headers.get('retry-after')).toBe('7');
  expect(refused.headers.get('x-ollamamax-error')).toBe('queue_full');

  api.play([
    { type: 'text', text: 'Hel' },
    { type: 'error', error: { code: 'runner_crashed', message: 'The runner crashed.' } },
  ]);
  const broken = await api.post(path, { ...body, stream: true });
  expect(broken.status).toBe(200);
  expect(broken.events().at(-1)).toMatchObject({ error: { code: 'runner_crashed', type: 'server_error' } });
  expect(broken.text).not.toContain('[DONE]');
});

test('several answers come side by side, at most four at a time', async () => {
  let running = 0;
  let most = 0;
  api.play(async function* ({ id }) {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    yield { type: 'text', text: id };
    running -= 1;
    yield done();
  });
  const answer = await api.post(path, { ...body, n: 9 }, { 'x-request-id': 'r' });
  const { choices } = answer.json() as { choices: { index: number; message: { content: string } }[] };
  expect(choices.map(({ index, message }) => [index, message.content])).toEqual(
    Array.from({ length: 9 }, (_, index) => [index, index === 0 ? 'r' : `r-${index}`]),
  );
  expect(most).toBe(4);
});

test('the failure of one answer ends the others and is what is told', async () => {
  const ended: string[] = [];
  api.play(async function* ({ id }, signal) {
    if (id.endsWith('-1')) throw new ApiError('context_exceeded', 'Too long.');
    yield { type: 'thinking', text: 'Hm.' };
    await aborted(signal);
    ended.push(id);
    throw new ApiError('cancelled');
  });
  const answer = await api.post(path, { ...body, n: 3 }, { 'x-request-id': 'r' });
  expect(answer.status).toBe(400);
  expect(answer.json()).toMatchObject({ error: { code: 'context_exceeded' } });
  expect(ended).toEqual(['r', 'r-2']);
});

test('the work of a client that leaves is cancelled, all answers of it', async () => {
  const leave = new AbortController();
  let begun = 0;
  const reasons: unknown[] = [];
  const ended = new Promise<void>((resolve) => {
    api.play(async function* (_request, signal) {
      begun += 1;
      if (begun === 2) leave.abort();
      yield { type: 'thinking', text: 'Hm.' };
      await aborted(signal);
      reasons.push(signal.reason);
      if (reasons.length === 2) resolve();
      throw signal.reason;
    });
  });
  await expect(
    fetch(`${api.url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ ...body, n: 2 }),
      signal: leave.signal,
    }),
  ).rejects.toThrow();
  await ended;
  expect(reasons).toMatchObject([{ code: 'cancelled' }, { code: 'cancelled' }]);
});
