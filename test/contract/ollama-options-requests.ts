import { oracleModels } from './ollama-oracle.ts';
import type { OracleRequest } from './listed-differences.ts';

type Request = Pick<OracleRequest, 'path' | 'body'>;

const { chat: model, embed: embedModel } = oracleModels;
const greedy = { temperature: 0, repeat_penalty: 1 };

const generate = (options: object): Request => ({
  path: '/api/generate',
  body: { model, prompt: 'Count to 5.', stream: false, options: { ...greedy, num_predict: 6, ...options } },
});

const taken: readonly object[] = [
  { num_keep: 0 },
  { num_keep: 4 },
  { seed: 0 },
  { seed: -1 },
  { num_predict: 1 },
  { num_predict: 0 },
  { num_predict: -1 },
  { num_predict: -2 },
  { top_k: 1 },
  { top_k: 0 },
  { top_p: 1 },
  { top_p: 0 },
  { min_p: 0.5 },
  { typical_p: 1 },
  { repeat_last_n: 0 },
  { repeat_last_n: -1 },
  { temperature: 1, top_k: 1 },
  { repeat_penalty: 1.0 },
  { presence_penalty: 0 },
  { frequency_penalty: 0 },
  { stop: [] },
  { stop: [' 3'] },
  { stop: ['nothing', ', 4'] },
  { num_batch: 64 },
  { num_ctx: 2048 },
  { num_gpu: -1 },
  { main_gpu: 0 },
  { use_mmap: false },
  { num_thread: 2 },
];

const wrong: readonly object[] = [
  { num_keep: 'x' },
  { seed: 'x' },
  { num_predict: 'x' },
  { top_k: 'x' },
  { top_p: 'x' },
  { min_p: 'x' },
  { typical_p: [] },
  { repeat_last_n: {} },
  { repeat_penalty: 'x' },
  { presence_penalty: true },
  { frequency_penalty: 'x' },
  { num_batch: 'x' },
  { num_gpu: 'x' },
  { main_gpu: 'x' },
  { use_mmap: 'x' },
  { num_thread: 'x' },
];

const names = [
  `${model}:latest`,
  `${model.toUpperCase()}:latest`,
  `library/${model}`,
  `registry.ollama.ai/library/${model}`,
  `registry.ollama.ai/library/${model}:latest`,
  `http://${model}`,
  `https://registry.ollama.ai/library/${model}`,
  ` ${model}`,
  `${model} `,
  `${model}:`,
  ':latest',
  `-${model}`,
  `_${model}`,
  `${model}@sha256:${'0'.repeat(64)}`,
  'a b',
  `other/${model}`,
  `host.example/library/${model}`,
  'x'.repeat(81),
  `${model}:${'x'.repeat(81)}`,
  'ä',
  '../etc/passwd',
  `${model}:latest:latest`,
];

const plain = { 'content-type': 'text/plain' };
const hello = { model, prompt: 'Hello!', stream: false, options: greedy };

export const optionRequests: readonly OracleRequest[] = [
  ...taken.map((option) => ({ name: `the option ${JSON.stringify(option)}`, ...generate(option) })),
  ...wrong.map((option) => ({ name: `the option ${JSON.stringify(option)}`, ...generate(option) })),
  ...names.flatMap((name): OracleRequest[] => [
    { name: `show of ${JSON.stringify(name).slice(0, 60)}`, path: '/api/show', body: { model: name } },
    {
      name: `generate with ${JSON.stringify(name).slice(0, 60)}`,
      path: '/api/generate',
      body: { ...hello, model: name },
    },
  ]),

  { name: 'generate as text/plain', path: '/api/generate', body: hello, headers: plain },
  {
    name: 'embed as text/plain',
    path: '/api/embed',
    body: { model: embedModel, input: 'Hi' },
    headers: plain,
  },
  {
    name: 'generate for one that accepts HTML only',
    path: '/api/generate',
    body: hello,
    headers: { accept: 'text/html' },
  },
  { name: 'the root', path: '/' },
  { name: 'HEAD of the root', path: '/', method: 'HEAD' },
  { name: 'HEAD of the version', path: '/api/version', method: 'HEAD' },
  { name: 'HEAD of the tags', path: '/api/tags', method: 'HEAD' },
  { name: 'POST of the version', path: '/api/version', body: {} },
  { name: 'a path with a slash too many', path: '/api/tags/' },
  { name: 'a path in capitals', path: '/API/tags' },
  { name: 'a query that nobody asked for', path: '/api/version?odd=1' },
];
