import { execFileSync } from 'node:child_process';
import { basename } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { isWholeStory, longSchema, story, streamChat } from '../harness/chat-stream.ts';
import {
  eventually,
  startLocalCluster,
  tinyModel,
  untilServing,
  type AgentHandle,
  type LocalCluster,
} from '../harness/local-cluster.ts';
import { runnersOf } from './runners.ts';

const otherModel = tinyModel.replace('q8_0', 'q4_0');
const replicas = 1;
const agents = ['agent-0'];

let cluster: LocalCluster;
/** Runs both models, each in a runner of its own. */
let holder: AgentHandle;
/** Holds neither: its streams take the hop. */
let door: AgentHandle;

beforeAll(async () => {
  cluster = await startLocalCluster({
    agents: 2,
    models: [
      { name: 'ollamamax-tiny', source: { file: tinyModel }, replicas, agents },
      { name: 'other', source: { file: otherModel }, replicas, agents },
    ],
  });
  await untilServing(cluster);
  holder = cluster.agent('agent-0');
  door = cluster.agent('agent-1');
}, 120_000);

afterAll(async () => {
  await cluster.stop();
});

const model = 'ollamamax-tiny';
const messages = [{ role: 'user', content: 'Hello!' }];
const schema = { name: 'words', schema: longSchema };

/** How each dialect asks for a long stream, begins it, and says that it failed. */
const dialects = [
  {
    dialect: 'Ollama',
    path: '/api/chat',
    body: { messages, format: longSchema },
    begun: /"content":"[^"]/,
    failed: /\{"error":"[^\n]*Send the request again[^\n]*"code":"runner_crashed"[^\n]*\}\n$/,
    whole: '"done":true',
  },
  {
    dialect: 'OpenAI, chat completions',
    path: '/v1/chat/completions',
    body: { messages, response_format: { type: 'json_schema', json_schema: schema } },
    begun: /"content":"[^"]/,
    failed: /data: \{"error":\{[^\n]*Send the request again[^\n]*"code":"runner_crashed"[^\n]*\n\n$/,
    whole: '[DONE]',
  },
  {
    dialect: 'OpenAI, responses',
    path: '/v1/responses',
    body: { input: 'Hello!', text: { format: { type: 'json_schema', ...schema } } },
    begun: /"type":"response.output_text.delta"/,
    failed: /"type":"error"[^\n]*"code":"runner_crashed"[^]*event: response\.failed\n[^\n]*"status":"failed"/,
    whole: 'response.completed',
  },
  {
    dialect: 'Anthropic',
    path: '/v1/messages',
    body: {
      messages,
      max_tokens: 2000,
      output_config: { format: { type: 'json_schema', schema: longSchema } },
    },
    begun: /"type":"text_delta"/,
    failed: /event: error\ndata: \{"type":"error","error":\{"type":"api_error"[^\n]*Send the request again/,
    whole: 'message_stop',
  },
] as const;

interface Stream {
  /** Settles when the answer has begun. */
  readonly begun: Promise<void>;
  /** Everything the stream said; never rejects. */
  readonly text: Promise<string>;
}

const openStream = (api: string, { path, body, begun }: (typeof dialects)[number]): Stream => {
  const first = Promise.withResolvers<undefined>();
  const read = async (): Promise<string> => {
    let text = '';
    try {
      const response = await fetch(`${api}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model, stream: true, ...body }),
      });
      for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
        text += chunk;
        if (begun.test(text)) first.resolve(undefined);
      }
    } catch (error) {
      text += `the connection broke: ${String(error)}`;
    }
    first.reject(new Error(`it ended before it began: ${text}`));
    return text;
  };
  return { begun: first.promise, text: read() };
};

const runner = (): number => {
  const [pid] = runnersOf(holder.process.pid, basename(tinyModel));
  if (pid === undefined) throw new Error('the model has no runner');
  return pid;
};

const deaths: readonly { readonly death: string; readonly strike: (pid: number) => void }[] = [
  {
    death: 'is killed, as the kernel does when memory is out',
    strike: (pid) => process.kill(pid, 'SIGKILL'),
  },
  { death: 'touches memory that is not its own', strike: (pid) => process.kill(pid, 'SIGSEGV') },
  { death: 'fails an assertion', strike: (pid) => process.kill(pid, 'SIGABRT') },
];

const france = {
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
  options: { temperature: 0 },
};

describe.each(deaths)('a runner that $death in mid-stream', ({ strike }) => {
  test.each(dialects)('ends its streams clearly ($dialect), and no others', async (dialect) => {
    const streams = [holder, door].map(({ api }) => openStream(api, dialect));
    let othersBegun = 0;
    const others = [holder, door].map(({ api }) => {
      let begun = false;
      return streamChat(
        api,
        { ...story, model: 'other' },
        {
          onText: () => {
            if (!begun) othersBegun += 1;
            begun = true;
          },
        },
      );
    });
    await Promise.all(streams.map(({ begun }) => begun));
    await eventually('the others have begun', () => othersBegun === others.length);
    strike(runner());
    for (const { text } of streams) {
      expect(await text).toMatch(dialect.failed);
      expect(await text).not.toContain(dialect.whole);
    }
    for (const { text } of await Promise.all(others)) expect(isWholeStory(text)).toBe(true);
    const next = await Promise.all([holder, door].map(({ api }) => streamChat(api, france)));
    expect(next.map(({ text }) => text)).toEqual([
      'The capital of France is Paris.',
      'The capital of France is Paris.',
    ]);
  });
});

test('a runner that gets no more memory from the kernel answers or ends clearly, and the model is served', async () => {
  const stream = openStream(door.api, dialects[0]);
  await stream.begun;
  execFileSync('prlimit', [`--pid=${runner()}`, '--as=1']);
  // Every place of the runner is taken at once, by prompts that fill them.
  const long = {
    messages: [{ role: 'user', content: 'lantern '.repeat(500) }],
    options: { num_predict: 20 },
  };
  const outcomes = await Promise.all(Array.from({ length: 8 }, () => streamChat(door.api, long)));
  for (const { complete, code } of outcomes)
    expect({ complete, code }).toEqual(
      complete ? { complete, code: undefined } : { complete, code: 'runner_crashed' },
    );
  const next = await streamChat(door.api, france);
  expect(next.text).toBe('The capital of France is Paris.');
  // It may well do without more memory.
  const told = await stream.text;
  expect(told.includes(dialects[0].whole) || dialects[0].failed.test(told)).toBe(true);
});
