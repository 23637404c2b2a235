import { createHash } from 'node:crypto';
import type { OracleRequest } from './listed-differences.ts';
import { oracleModels } from './ollama-oracle.ts';

const { chat: from } = oracleModels;
/** A registry at which nobody listens. */
const nowhere = '127.0.0.1:1/library/odd';
const zeros = `sha256:${'0'.repeat(64)}`;
const text = '"no model"';

export const digestOf = (bytes: string | Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const digest = digestOf(text);

type Request = Pick<OracleRequest, 'path' | 'body' | 'method'>;
const create = (body: object): Request => ({ path: '/api/create', body: { stream: false, ...body } });
const copy = (body: object): Request => ({ path: '/api/copy', body });
const remove = (body: object): Request => ({ path: '/api/delete', method: 'DELETE', body });
const pull = (body: object): Request => ({ path: '/api/pull', body });
const push = (body: object): Request => ({ path: '/api/push', body });
const blob = (name: string, method: 'HEAD' | 'POST' | 'GET', body?: string): Request => ({
  path: `/api/blobs/${name}`,
  method,
  ...(body === undefined ? {} : { body }),
});

const settings = { system: 'Be kind.', parameters: { temperature: 0.5, num_ctx: 1024, stop: ['a', 'b'] } };

/** Requests that change which models there are, in their order. */
export const manageRequests: readonly OracleRequest[] = [
  { name: 'HEAD of a blob nobody has', ...blob(zeros, 'HEAD') },
  { name: 'HEAD of a blob with an odd digest', ...blob('sha256:00', 'HEAD') },
  { name: 'GET of a blob', ...blob(zeros, 'GET') },
  { name: 'upload with an odd digest', ...blob('sha256:00', 'POST', text) },
  { name: 'upload with another algorithm', ...blob(`md5:${'0'.repeat(32)}`, 'POST', text) },
  { name: 'upload of other bytes than said', ...blob(zeros, 'POST', text) },
  { name: 'HEAD after an upload of other bytes', ...blob(zeros, 'HEAD') },
  { name: 'upload', ...blob(digest, 'POST', text) },
  { name: 'upload once more', ...blob(digest, 'POST', text) },
  { name: 'HEAD of a blob', ...blob(digest, 'HEAD') },
  { name: 'HEAD of a blob with a dash', ...blob(digest.replace(':', '-'), 'HEAD') },

  { name: 'create', ...create({ model: 'first', from }) },
  { name: 'create, as a stream', ...create({ model: 'second', from, stream: true }) },
  { name: 'create by the old name', ...create({ name: 'third', from }) },
  { name: 'create with settings', ...create({ model: 'settings', from, ...settings }) },
  {
    name: 'create with settings, as a stream',
    ...create({ model: 'settings2', from, ...settings, stream: true }),
  },
  { name: 'create with a licence', ...create({ model: 'licence', from, license: 'MIT' }) },
  { name: 'create with licences', ...create({ model: 'licences', from, license: ['MIT', 'BSD'] }) },
  {
    name: 'create with messages',
    ...create({ model: 'messages', from, messages: [{ role: 'user', content: 'a' }] }),
  },
  { name: 'create with a tag', ...create({ model: 'first:tag', from }) },
  { name: 'create what there is', ...create({ model: 'first', from, system: 'x' }) },
  { name: 'create from what was created', ...create({ model: 'again', from: 'settings' }) },
  { name: 'create in another namespace', ...create({ model: 'anna/first', from }) },
  { name: 'create from nobody', ...create({ model: 'bad', from: nowhere }) },
  { name: 'create without a name', ...create({ from }) },
  { name: 'create with a bad name', ...create({ model: 'a/b/c/d', from }) },
  { name: 'create from nothing', ...create({ model: 'bad' }) },
  { name: 'create from a bad name', ...create({ model: 'bad', from: 'a b' }) },
  { name: 'create from a number', ...create({ model: 'bad', from: 7 }) },
  { name: 'create from no files', ...create({ model: 'bad', files: {} }) },
  { name: 'create from files of the wrong type', ...create({ model: 'bad', files: 'x' }) },
  { name: 'create from a file nobody has', ...create({ model: 'bad', files: { 'a.gguf': zeros } }) },
  { name: 'create from a file with an odd digest', ...create({ model: 'bad', files: { 'a.gguf': 'odd' } }) },
  { name: 'create from a file that is no model', ...create({ model: 'bad', files: { 'a.gguf': digest } }) },
  { name: 'create with parameters of the wrong type', ...create({ model: 'bad', from, parameters: 'x' }) },
  {
    name: 'create with a parameter of the wrong type',
    ...create({ model: 'bad', from, parameters: { temperature: 'x' } }),
  },
  { name: 'create with messages of the wrong type', ...create({ model: 'bad', from, messages: 'x' }) },
  { name: 'create with stream of the wrong type', ...create({ model: 'bad', from, stream: 'x' }) },
  { name: 'create with an unknown quantization', ...create({ model: 'bad', from, quantize: 'odd' }) },
  { name: 'no JSON to create', path: '/api/create', body: '{' },
  { name: 'a list to create', path: '/api/create', body: '[]' },
  { name: 'nothing to create', path: '/api/create', body: '' },
  { name: 'GET of create', path: '/api/create', method: 'GET' },

  { name: 'show what was created', path: '/api/show', body: { model: 'settings' } },
  { name: 'show what was created with messages', path: '/api/show', body: { model: 'messages' } },
  { name: 'show what was not created', path: '/api/show', body: { model: 'bad' } },
  { name: 'tags', path: '/api/tags' },

  { name: 'copy', ...copy({ source: 'first', destination: 'copied' }) },
  { name: 'copy onto itself', ...copy({ source: 'first', destination: 'first' }) },
  { name: 'copy onto another', ...copy({ source: 'second', destination: 'third' }) },
  { name: 'copy of nobody', ...copy({ source: 'nobody', destination: 'b' }) },
  { name: 'copy to nowhere', ...copy({ source: 'first' }) },
  { name: 'copy of nothing', ...copy({}) },
  { name: 'copy to a bad name', ...copy({ source: 'first', destination: 'a b' }) },
  { name: 'copy of a bad name', ...copy({ source: 'a b', destination: 'b' }) },
  { name: 'copy of a number', ...copy({ source: 7, destination: 'b' }) },
  { name: 'no JSON to copy', path: '/api/copy', body: '{' },
  { name: 'nothing to copy', path: '/api/copy', body: '' },

  { name: 'delete', ...remove({ model: 'copied' }) },
  { name: 'delete once more', ...remove({ model: 'copied' }) },
  { name: 'delete by the old name', ...remove({ name: 'third' }) },
  { name: 'delete nothing', ...remove({}) },
  { name: 'delete a bad name', ...remove({ model: 'a b' }) },
  { name: 'delete a number', ...remove({ model: 7 }) },
  { name: 'no JSON to delete', path: '/api/delete', method: 'DELETE', body: '{' },
  { name: 'POST of delete', path: '/api/delete', method: 'POST', body: { model: 'second' } },

  { name: 'pull from nowhere', ...pull({ model: nowhere, stream: false }) },
  { name: 'pull from nowhere, as a stream', ...pull({ model: nowhere }) },
  {
    name: 'pull from nowhere without encryption',
    ...pull({ model: nowhere, insecure: true, stream: false }),
  },
  { name: 'pull by http that is not allowed', ...pull({ model: `http://${nowhere}`, stream: false }) },
  { name: 'pull by http', ...pull({ model: `http://${nowhere}`, insecure: true, stream: false }) },
  { name: 'pull nothing', ...pull({}) },
  { name: 'pull a bad name', ...pull({ model: 'a b', stream: false }) },
  { name: 'pull a number', ...pull({ model: 7 }) },
  { name: 'no JSON to pull', path: '/api/pull', body: '{' },

  { name: 'push of nobody', ...push({ model: 'nobody', stream: false }) },
  { name: 'push of nobody, as a stream', ...push({ model: 'nobody' }) },
  { name: 'push nothing', ...push({}) },
  { name: 'push a bad name', ...push({ model: 'a b', stream: false }) },
  { name: 'push a number', ...push({ model: 7 }) },
  { name: 'no JSON to push', path: '/api/push', body: '{' },

  { name: 'ps', path: '/api/ps' },
];
