import { chat, chatModel, type BadRequest } from './bad-request.ts';

const invalid = { status: 400, code: 'invalid_json', says: 'not valid JSON' } as const;
const deep = (open: string, close: string, levels = 5000): string =>
  open.repeat(levels) + close.repeat(levels);

const texts: Readonly<Record<string, string>> = {
  'not JSON': 'hello',
  'cut off': '{"model":"ollamamax-tiny","messages":[{"role":"us',
  'single quotes': "{'model':'ollamamax-tiny'}",
  'trailing comma': '{"model":"ollamamax-tiny",}',
  comment: '{"model":"ollamamax-tiny"/* no */}',
  'two objects': '{"model":"ollamamax-tiny"}{"model":"ollamamax-tiny"}',
  NaN: '{"model":"ollamamax-tiny","options":{"temperature":NaN}}',
  infinity: '{"model":"ollamamax-tiny","options":{"temperature":Infinity}}',
  hexadecimal: '{"model":"ollamamax-tiny","options":{"seed":0x10}}',
  'bare word': 'true',
  'bare number': '42',
  'bare string': '"ollamamax-tiny"',
  null: 'null',
  'control character': '{"model":"olla\u0001max"}',
  form: 'model=ollamamax-tiny&prompt=hello',
  XML: '<model>ollamamax-tiny</model>',
  'unclosed brackets': '['.repeat(150),
};

const paths = [
  '/api/chat',
  '/api/generate',
  '/api/show',
  '/v1/chat/completions',
  '/api/v1/auth/login',
] as const;

const malformed: BadRequest[] = Object.entries(texts).map(([name, body], index) => ({
  name: `body is ${name}`,
  path: paths[index % paths.length] ?? '/api/chat',
  body,
  ...invalid,
}));

const missing: BadRequest[] = paths.map((path) => ({
  name: `no body for ${path}`,
  method: 'POST',
  path,
  status: 400,
  code: 'missing_body',
  // Clients of Ollama look for its very words.
  says: path.startsWith('/api/v1/') || path.startsWith('/v1/') ? 'needs a body' : 'missing request body',
}));

const shapes: BadRequest[] = [
  {
    name: 'an array',
    path: '/api/chat',
    body: '[]',
    status: 400,
    code: 'invalid_request',
    says: 'must be object',
  },
  {
    name: 'deeply nested arrays',
    path: '/api/chat',
    body: deep('[', ']'),
    status: 400,
    code: 'invalid_request',
    says: 'nested deeper than 200 levels',
  },
  {
    name: 'a deeply nested schema',
    path: '/api/chat',
    body: `{"model":"${chatModel}","messages":[{"role":"user","content":"x"}],"format":${deep('{"type":"array","items":', '}').replace('"items":}', '"items":{}}')}}`,
    status: 400,
    code: 'invalid_request',
    says: 'nested deeper than 200 levels',
  },
  {
    name: 'a schema of 150 levels',
    path: '/api/chat',
    body: `{"model":"${chatModel}","messages":[{"role":"user","content":"x"}],"format":${deep('{"type":"array","items":', '}', 150).replace('"items":}', '"items":{}}')}}`,
    status: 400,
    code: 'invalid_format',
    says: 'deep',
  },
  {
    name: 'a body over the limit',
    path: '/api/chat',
    body: `{"model":"${'x'.repeat(300_000)}"}`,
    status: 413,
    code: 'body_too_large',
    says: 'larger than',
  },
  {
    name: 'a body over the limit in the OpenAI dialect',
    path: '/v1/chat/completions',
    body: chat({ messages: [{ role: 'user', content: 'x'.repeat(300_000) }] }),
    status: 413,
    code: 'body_too_large',
    says: 'larger than',
  },
  {
    name: 'a small bomb of zeros in gzip',
    path: '/api/chat',
    headers: { 'content-encoding': 'gzip' },
    body: 'not gzip at all',
    status: 400,
    code: 'invalid_request',
    says: 'header',
  },
  {
    name: 'an unknown encoding',
    path: '/api/chat',
    headers: { 'content-encoding': 'rot13' },
    body: '{}',
    status: 415,
    code: 'unsupported_media_type',
    says: 'rot13',
  },
  {
    name: 'a charset that is not UTF',
    path: '/api/chat',
    headers: { 'content-type': 'application/json; charset=iso-8859-1' },
    body: '{}',
    status: 415,
    code: 'unsupported_media_type',
    says: 'charset',
  },
];

/** Bodies that are no JSON object of a sensible size. */
export const bodyRequests: readonly BadRequest[] = [...malformed, ...missing, ...shapes];
