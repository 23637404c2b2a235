/** A request both are sent, and what is meant to differ in the answer. */
export interface Comparison {
  readonly name: string;
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly body?: object | string;
  /** Fields that only one of the two sends, as `models[].agent`. */
  readonly onlyOurs?: readonly string[];
  readonly onlyTheirs?: readonly string[];
  /** Our status where it differs on purpose. */
  readonly ourStatus?: number;
  /** Why it is meant to differ. */
  readonly because?: string;
}

export const oracleModel = 'tiny';

const model = oracleModel;
const options = { num_predict: 4, seed: 1, temperature: 0 };
const messages = [{ role: 'user', content: 'Hi' }];
const generate = (fields: object): Pick<Comparison, 'path' | 'body'> => ({
  path: '/api/generate',
  body: { model, prompt: 'Hi', options, stream: false, ...fields },
});
const chat = (fields: object): Pick<Comparison, 'path' | 'body'> => ({
  path: '/api/chat',
  body: { model, messages, options, stream: false, ...fields },
});
const noContext = {
  onlyTheirs: ['context'],
  because: 'The old conversation state of /api/generate is not offered; /api/chat takes messages.',
} as const;
const ownLicence = {
  onlyOurs: ['license'],
  because: 'We also tell the licence that the GGUF file names; Ollama only that of a Modelfile.',
} as const;
const clearer = (because: string): Pick<Comparison, 'ourStatus' | 'because'> => ({ ourStatus: 400, because });

export const comparisons: readonly Comparison[] = [
  { name: 'version', path: '/api/version' },
  {
    name: 'tags',
    path: '/api/tags',
    onlyOurs: ['models[].capabilities'],
    because: 'Later versions of Ollama list them here too.',
  },
  { name: 'show', path: '/api/show', body: { model }, ...ownLicence },
  {
    name: 'show by the old name, verbose',
    path: '/api/show',
    body: { name: model, verbose: true },
    ...ownLicence,
  },
  { name: 'generate', ...generate({}), ...noContext },
  { name: 'generate as a stream', ...generate({ stream: true }), ...noContext },
  { name: 'generate raw', ...generate({ raw: true }) },
  { name: 'generate with an unknown option', ...generate({ options: { ...options, odd: 1 } }), ...noContext },
  { name: 'generate without a prompt', path: '/api/generate', body: { model } },
  { name: 'chat', ...chat({}) },
  { name: 'chat as a stream', ...chat({ stream: true }) },
  { name: 'chat without messages', path: '/api/chat', body: { model } },
  {
    name: 'ps',
    path: '/api/ps',
    onlyOurs: ['models[].agent'],
    because: 'A model may be in memory on several agents.',
  },
  { name: 'generate that unloads', path: '/api/generate', body: { model, keep_alive: 0 } },
  { name: 'chat that unloads', path: '/api/chat', body: { model, keep_alive: 0 } },

  ...['/api/chat', '/api/generate', '/api/show'].flatMap((path) => [
    { name: `no JSON to ${path}`, path, body: '{' },
    { name: `no body to ${path}`, path, body: '' },
    { name: `a model nobody knows to ${path}`, path, body: { model: 'nobody', prompt: 'x', messages } },
    { name: `a number as model to ${path}`, path, body: { model: 7 } },
  ]),
  { name: 'chat without model', path: '/api/chat', body: { messages } },
  {
    name: 'generate without model',
    path: '/api/generate',
    body: { prompt: 'x' },
    ...clearer("Ollama says that model '' is not found."),
  },
  { name: 'show without model', path: '/api/show', body: {} },
  { name: 'chat with a bad model name', ...chat({ model: 'a/b/c/d' }) },
  {
    name: 'generate with a bad model name',
    ...generate({ model: '!!' }),
    ...clearer('Ollama says that it is not found.'),
  },
  {
    name: 'show with a bad model name',
    path: '/api/show',
    body: { model: '!!' },
    ...clearer('Ollama answers 500.'),
  },
  { name: 'messages of the wrong type', ...chat({ messages: 'x' }) },
  { name: 'content of the wrong type', ...chat({ messages: [{ role: 'user', content: 7 }] }) },
  {
    name: 'an unknown role',
    ...chat({ messages: [{ role: 'nobody', content: 'x' }] }),
    ...clearer('Ollama passes it to the template, which drops or mangles the message.'),
  },
  {
    name: 'an option of the wrong type',
    ...generate({ options: { temperature: 'hot' } }),
    ...clearer('Ollama answers 500.'),
  },
  {
    name: 'an option out of its bounds',
    ...generate({ options: { ...options, top_p: 7 } }),
    ...clearer('Ollama goes on with a value that means nothing.'),
  },
  {
    name: 'a penalty of zero',
    ...generate({ options: { ...options, repeat_penalty: 0 } }),
    ...clearer('It ends the runner of Ollama.'),
  },
  { name: 'an unknown format', ...generate({ format: 'xml' }), ...clearer('Ollama answers 500.') },
  { name: 'thinking', ...generate({ think: true }) },
  { name: 'an unknown way of thinking', ...generate({ think: 'odd' }) },
  { name: 'a keep_alive that is no duration', ...generate({ keep_alive: 'soon' }) },
  { name: 'a suffix', ...generate({ suffix: 'y' }) },
  { name: 'raw with a system message', ...generate({ raw: true, system: 's' }) },
  { name: 'stream of the wrong type', ...generate({ stream: 'yes' }) },
  {
    name: 'images for a model that sees none',
    ...chat({ messages: [{ role: 'user', content: 'x', images: ['aGk='] }] }),
    ...clearer('Ollama ignores them silently.'),
  },
  { name: 'GET where POST belongs', path: '/api/chat', method: 'GET' },
  { name: 'PUT where GET belongs', path: '/api/tags', method: 'PUT' },
  { name: 'a path that does not exist', path: '/api/nothing', method: 'GET' },
];
