import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isApiError, type ChatMessage } from '@ollamamax/api';
import type { EngineModel } from '../../../agent/src/inference/engine.ts';
import {
  ask,
  chat,
  createTestEngine,
  endless,
  tinyModel,
  until,
  type RequestOptions,
  type TestEngine,
} from '../../../agent/src/inference/test-engine.fixture.ts';
import { pictures } from '../../harness/pictures.ts';
import { tokensOfImage } from '../../harness/random-projector.ts';
import { seeingModel, type SeeingModel } from './seeing-model.ts';

let seeing: SeeingModel;
let engine: TestEngine;
let model: EngineModel;

const seeingTiny = (overrides: Partial<EngineModel> = {}): EngineModel =>
  tinyModel({
    projector: { digest: 'eye', path: seeing.projector, sizeBytes: statSync(seeing.projector).size },
    parallel: 2,
    speculation: true,
    ...overrides,
  });

beforeAll(async () => {
  seeing = await seeingModel();
  engine = createTestEngine({ llamaServer: seeing.llamaServer });
  model = seeingTiny();
});
afterAll(async () => {
  await engine.stop();
  seeing.remove();
});

const look = (content: string, images: readonly string[], options: RequestOptions = {}) =>
  messages([{ role: 'user', content, images: images.map((data) => ({ data, at: 0 })) }], options);

const messages = (all: ChatMessage[], options: RequestOptions = {}) =>
  chat('', {
    input: { kind: 'chat', messages: all },
    ...options,
    sampling: { maxTokens: 12, ...options.sampling },
  });

/** How a question beside images is answered, in numbers that show any change. */
const seen = async (images: readonly string[]) => {
  const request = look('What is this?', images, { sampling: { topLogprobs: 0, maxTokens: 4 } });
  const likelihoods: string[] = [];
  for await (const event of engine.run(model, request, new AbortController().signal))
    if (event.type === 'text')
      likelihoods.push(
        ...(event.logprobs ?? []).map(({ token, logprob }) => `${token} ${logprob.toFixed(3)}`),
      );
    else if (event.type === 'done')
      return { promptTokens: event.usage.promptTokens, likelihoods: likelihoods.join() };
  throw new Error('the answer has no end');
};

const codeOf = async (request: ReturnType<typeof chat>, of: EngineModel = model): Promise<unknown> => {
  const thrown: unknown = await ask(engine, request, of).catch((error: unknown) => error);
  return isApiError(thrown) ? [thrown.code, thrown.message] : thrown;
};

const alive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

/** Processes that a process has started. */
const childrenOf = (pid: number): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((one) => {
      try {
        const fields = readFileSync(`/proc/${one}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
        return Number(fields[1]) === pid;
      } catch {
        return false;
      }
    });

/** The llama-server of a runner. */
const serverOf = (runner: number): number => {
  const [server] = childrenOf(runner);
  if (server === undefined) throw new Error(`process ${runner} has started no other`);
  return server;
};

/** The runner that was loaded last. */
const newestRunner = (): number => {
  const runner = engine.pids.at(-1);
  if (runner === undefined) throw new Error('no runner was loaded');
  return runner;
};

describe('a model with a projector', () => {
  test('answers text as it does without one, and names itself', async () => {
    const question = chat('What is your name?');
    const answer = await ask(engine, question, model);
    expect(answer.text).toBe((await ask(engine, question, tinyModel({ name: 'blind:latest' }))).text);
    expect(answer.reason).toBe('stop');
    expect(engine.resident().get(model.name)).toMatchObject({ state: 'ready', slots: 2, restarts: 0 });
    expect(engine.resident().get(model.name)?.memoryBytes).toBeGreaterThan(10_000_000);
  });

  test('sees an image: it takes room in the prompt and changes the answer', async () => {
    const blind = await seen([]);
    const red = await seen([pictures.red]);
    const chessboard = await seen([pictures.chessboard]);
    expect(red.promptTokens).toBe(blind.promptTokens + tokensOfImage);
    expect(chessboard.promptTokens).toBe(red.promptTokens);
    expect(new Set([blind, red, chessboard].map(({ likelihoods }) => likelihoods)).size).toBe(3);
    expect((await seen([pictures.red])).likelihoods).toBe(red.likelihoods);
  });

  test('sees several, and then fewer of them', async () => {
    const { promptTokens } = await seen([]);
    for (const images of [[pictures.red, pictures.chessboard], [pictures.red], [pictures.red, pictures.red]])
      expect((await seen(images)).promptTokens).toBe(promptTokens + images.length * tokensOfImage);
  });

  test('goes on from what it has computed for the same user, and for no other', async () => {
    const request = (user: string) => look('What do you see in this picture?', [pictures.red], { user });
    const cached = async (user: string): Promise<number> =>
      (await ask(engine, request(user), model)).usage.cachedPromptTokens;
    expect(await cached('anna')).toBe(0);
    expect(await cached('anna')).toBeGreaterThan(tokensOfImage);
    expect(await cached('ben')).toBe(0);
  });

  test('sees it where it stands in the text', async () => {
    const at = async (place: number): Promise<string> =>
      (
        await ask(
          engine,
          messages([{ role: 'user', content: 'One two three', images: [{ data: pictures.red, at: place }] }]),
          model,
        )
      ).text;
    expect(await at(4)).not.toBe(await at(13));
  });

  test('keeps marks of the template that a user writes apart, beside an image too', async () => {
    const { usage } = await ask(engine, look('<|im_end|>', [pictures.red]), model);
    const { usage: plain } = await ask(engine, look('', [pictures.red]), model);
    // One token would be the mark itself.
    expect(usage.promptTokens).toBeGreaterThan(plain.promptTokens + 2);
  });

  test('sees images beside a bare prompt, with the template and without', async () => {
    const prompt = (raw: boolean, images: string[]) =>
      chat('', { input: { kind: 'prompt', prompt: 'Hi', raw, images }, sampling: { maxTokens: 4 } });
    for (const raw of [true, false]) {
      const blind = await ask(engine, prompt(raw, []), model);
      const seen = await ask(engine, prompt(raw, [pictures.red]), model);
      expect(seen.usage.promptTokens).toBe(blind.usage.promptTokens + tokensOfImage);
    }
  });

  test('calls tools, follows a schema, ends at a stop sequence', async () => {
    const called = await ask(
      engine,
      chat('', {
        input: {
          kind: 'chat',
          messages: [{ role: 'user', content: 'What is the weather in Paris?' }],
          tools: [
            {
              name: 'get_weather',
              description: 'Get the current weather for a city',
              parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
            },
          ],
          toolChoice: 'required',
        },
      }),
      model,
    );
    expect([called.reason, called.calls[0]?.name]).toEqual(['tool_calls', 'get_weather']);
    const schema = { type: 'object', properties: { a: { type: 'integer', maximum: 9 } }, required: ['a'] };
    const written = await ask(
      engine,
      look('Give me a number.', [pictures.red], {
        format: { type: 'json_schema', schema },
        sampling: { maxTokens: 100 },
      }),
      model,
    );
    expect(JSON.parse(written.text)).toEqual({ a: expect.any(Number) });
    const cut = await ask(engine, chat('What is your name?', { sampling: { stop: ['tiny'] } }), model);
    expect([cut.reason, cut.text.includes('tiny')]).toEqual(['stop', false]);
  });

  test('gives the log probabilities of its tokens', async () => {
    const events = [];
    for await (const event of engine.run(
      model,
      look('Hi', [pictures.red], { sampling: { topLogprobs: 2, maxTokens: 3 } }),
      new AbortController().signal,
    ))
      if (event.type === 'text') events.push(...(event.logprobs ?? []));
    expect(events.length).toBeGreaterThan(0);
    for (const { logprob, top } of events) expect([logprob <= 0, top.length]).toEqual([true, 2]);
  });

  test('leaves out the oldest messages of a conversation that is too long, unless that is refused', async () => {
    const long: ChatMessage = {
      role: 'user',
      content: 'word '.repeat(1100),
      images: [{ data: pictures.red, at: 0 }],
    };
    const all: ChatMessage[] = [
      long,
      { role: 'assistant', content: 'Yes.' },
      { role: 'user', content: 'Hi', images: [{ data: pictures.chessboard, at: 0 }] },
    ];
    const shortened = await ask(engine, messages(all), model);
    expect(shortened.usage.promptTokens).toBeLessThan(100);
    expect(await codeOf(messages(all, { truncate: false }))).toEqual([
      'context_exceeded',
      expect.stringContaining('context'),
    ]);
  });
});

describe('what cannot be done is said', () => {
  test.each([
    [
      'text in base64',
      'aGVsbG8gd29ybGQsIHRoaXMgaXMgbm8gcGljdHVyZSBhdCBhbGw=',
      'is not in PNG, JPEG, GIF or WebP',
    ],
    ['no base64', 'https://example.com/a.png', 'is not the content of a file in base64'],
    [
      'a picture that is cut off',
      Buffer.from(pictures.red, 'base64').subarray(0, 60).toString('base64'),
      'cannot read an image',
    ],
  ])('%s instead of an image', async (_what, data, why) => {
    expect(await codeOf(look('x', [data]))).toEqual(['invalid_request', expect.stringContaining(why)]);
  });

  test('embeddings and gaps', async () => {
    expect(
      await codeOf(chat('', { input: { kind: 'embed', inputs: ['x'], truncate: true, normalize: true } })),
    ).toEqual(['capability_missing', expect.stringContaining('does not support embeddings')]);
    const gap = { kind: 'prompt', prompt: 'x', suffix: 'y' } as const;
    expect(await codeOf(chat('', { input: gap }))).toEqual([
      'capability_missing',
      expect.stringContaining('does not support insert'),
    ]);
  });

  test('a projector that does not fit, with what llama-server says', async () => {
    const other = seeingTiny({
      name: 'misfit:latest',
      projector: { digest: 'x', path: model.path, sizeBytes: 1 },
    });
    expect(await codeOf(chat('Hi'), other)).toEqual([
      'model_load_failed',
      expect.stringMatching(/llama-server .* ended with exit code 1\. Its last words: /),
    ]);
  });

  test('a program that is not there', async () => {
    const without = createTestEngine({ llamaServer: '/nowhere/llama-server' });
    const thrown: unknown = await ask(without, chat('Hi'), model).catch((error: unknown) => error);
    await without.stop();
    expect(thrown).toMatchObject({
      code: 'model_load_failed',
      message: expect.stringContaining('/nowhere/llama-server'),
    });
  });
});

describe('its processes', () => {
  // Another engine has loaded none before.
  beforeAll(async () => {
    await engine.stop();
    engine = createTestEngine({ llamaServer: seeing.llamaServer });
  });

  test('a client that leaves frees its place within the answer', async () => {
    const controller = new AbortController();
    const answers = engine.run(model, endless(), controller.signal);
    const reading = (async () => {
      for await (const event of answers) if (event.type === 'text') controller.abort();
    })();
    await expect(reading).rejects.toMatchObject({ code: 'cancelled' });
    await until('the place is free', () => engine.resident().get(model.name)?.busySlots === 0);
    expect((await ask(engine, chat('What is your name?'), model)).reason).toBe('stop');
  });

  test('a crash of llama-server fails the answer it was at, and the next request starts it anew', async () => {
    await engine.load(model, new AbortController().signal);
    const runner = newestRunner();
    const server = serverOf(runner);
    let begun = false;
    const reading = (async () => {
      for await (const event of engine.run(model, endless(), new AbortController().signal))
        if (event.type === 'text' && !begun) {
          begun = true;
          process.kill(server, 'SIGKILL');
        }
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'runner_crashed',
      message: expect.stringContaining('llama-server was ended by signal SIGKILL'),
    });
    expect((await ask(engine, chat('What is your name?'), model)).reason).toBe('stop');
    expect(newestRunner()).not.toBe(runner);
    expect(engine.resident().get(model.name)?.restarts).toBe(1);
  });

  test('unloading ends both, and so does the end of the process between', async () => {
    await engine.load(model, new AbortController().signal);
    const first = serverOf(newestRunner());
    expect(alive(first)).toBe(true);
    await engine.unload(model.name);
    await until('llama-server has ended', () => !alive(first));
    await engine.load(model, new AbortController().signal);
    const runner = newestRunner();
    const second = serverOf(runner);
    process.kill(runner, 'SIGKILL');
    await until('llama-server has ended with its runner', () => !alive(second));
  });

  test('both end when the agent is killed', async () => {
    const fixture = new URL('../../../agent/src/inference/test-engine.fixture.ts', import.meta.url).href;
    const program = `
      import { createTestEngine } from ${JSON.stringify(fixture)};
      const engine = createTestEngine({ llamaServer: ${JSON.stringify(seeing.llamaServer)} });
      await engine.load(${JSON.stringify(model)}, new AbortController().signal);
      console.log(engine.pids[0]);
      setInterval(() => undefined, 1000);
    `;
    const agent = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: agent.stdout }), 'line')) as [string];
    const runner = Number(line);
    const server = serverOf(runner);
    expect([alive(runner), alive(server)]).toEqual([true, true]);
    agent.kill('SIGKILL');
    await until('both have ended', () => !alive(runner) && !alive(server));
  });
});
