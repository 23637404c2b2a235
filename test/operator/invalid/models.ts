import { model } from '../harness/documents.ts';
import type { Document } from '../harness/documents.ts';
import { forms, refused, says } from './refused.ts';
import type { Refused } from './refused.ts';

type Fields = Readonly<Record<string, unknown>>;

const creation = (title: string, spec: Fields, ...sentences: readonly string[]): Refused =>
  refused(title, model('sample', spec), ...sentences);
const from = (title: string, source: unknown, ...sentences: readonly string[]): Refused =>
  creation(title, { source }, ...sentences);

const digest = 'a'.repeat(64);
const oneSource = says.rule(
  'spec.source',
  'exactly one source is needed: file, pvc, http, ollama, huggingFace, oci',
);
const filePath = says.rule('spec.source.file.path', 'file.path must be an absolute path without ".."');
const claimPath = says.rule(
  'spec.source.pvc.path',
  'pvc.path must be relative to the root of the volume, without ".." and empty parts',
);

export const refusedModels: readonly Refused[] = [
  creation('no cluster', { clusterRef: undefined }, says.required('spec.clusterRef')),
  creation('a cluster without a name', { clusterRef: {} }, says.required('spec.clusterRef.name')),
  creation(
    'a name for the reference to the cluster',
    { clusterRef: 'demo' },
    says.type('spec.clusterRef', 'string', 'object'),
  ),
  creation(
    'a cluster that can have no such name',
    { clusterRef: { name: 'Demo' } },
    says.form('spec.clusterRef.name', forms.name),
  ),
  from('no source', undefined, says.required('spec.source')),
  from('a source of no kind', {}, oneSource),
  from('two sources', { file: { path: '/a' }, pvc: { claimName: 'a', path: 'b' } }, oneSource),
  from('a source of an unknown kind', { s3: { bucket: 'b' } }, says.unknown('spec.source.s3')),
  from('a relative file', { file: { path: 'a.gguf' } }, filePath),
  from('a file by a detour', { file: { path: '/models/../etc/passwd' } }, filePath),
  from('a file that ends above', { file: { path: '/models/..' } }, filePath),
  from('a file without its path', { file: {} }, says.required('spec.source.file.path')),
  from('a path for a file', { file: '/m.gguf' }, says.type('spec.source.file', 'string', 'object')),
  from('an absolute path on a claim', { pvc: { claimName: 'c', path: '/a.gguf' } }, claimPath),
  from('a path that leaves the claim', { pvc: { claimName: 'c', path: 'a/../../b' } }, claimPath),
  from('a path with an empty part', { pvc: { claimName: 'c', path: 'a//b' } }, claimPath),
  from('a path on no claim', { pvc: { path: 'a' } }, says.required('spec.source.pvc.claimName')),
  from(
    'a download without its digest',
    { http: { url: 'https://models.example/m.gguf' } },
    says.rule('spec.sha256', 'sha256 is needed for a source of kind http'),
  ),
  creation(
    'a download by another protocol',
    { source: { http: { url: 'ftp://models.example/m' } }, sha256: digest },
    says.form('spec.source.http.url', forms.url),
  ),
  from('a model without a name', { ollama: { name: '' } }, says.empty('spec.source.ollama.name')),
  from(
    'a repository without its owner',
    { huggingFace: { repository: 'tiny', file: 'f' } },
    says.form('spec.source.huggingFace.repository', forms.repository),
  ),
  from('a short reference', { oci: { reference: 'a' } }, says.empty('spec.source.oci.reference', 3, 'a')),
  creation('a short digest', { sha256: 'abc' }, says.form('spec.sha256', forms.sha256)),
  creation('a digest in capitals', { sha256: digest.toUpperCase() }, says.form('spec.sha256', forms.sha256)),
  creation(
    'a digest with its algorithm',
    { sha256: `sha256:${digest}` },
    says.form('spec.sha256', forms.sha256),
  ),
  creation('a name that begins with a slash', { model: '/x' }, says.form('spec.model', forms.model)),
  creation('a name with two tags', { model: 'a:b:c' }, says.form('spec.model', forms.model)),
  creation('an empty name', { model: '' }, says.form('spec.model', forms.model)),
  creation('no copies', { replicas: 0 }, says.atLeast('spec.replicas', 0, 1)),
  creation('more copies than agents can be', { replicas: 101 }, says.atMost('spec.replicas', 101, 100)),
  creation('a high priority', { priority: 1001 }, says.atMost('spec.priority', 1001, 1000)),
  creation('a low priority', { priority: -1001 }, says.atLeast('spec.priority', -1001, -1000)),
  creation(
    'a temperature in words',
    { parameters: { temperature: 'hot' } },
    says.type('spec.parameters.temperature', 'string', 'number'),
  ),
  creation(
    'a temperature of eleven',
    { parameters: { temperature: 11 } },
    says.atMost('spec.parameters.temperature', 11, 10),
  ),
  creation('more than all', { parameters: { topP: 2 } }, says.atMost('spec.parameters.topP', 2, 1)),
  creation(
    "a parameter by Ollama's name",
    { parameters: { num_ctx: 4096 } },
    says.unknown('spec.parameters.num_ctx'),
  ),
  creation(
    'one text for a list',
    { parameters: { stop: 'x' } },
    says.type('spec.parameters.stop', 'string', 'array'),
  ),
  creation(
    'too many texts',
    { parameters: { stop: Array(17).fill('x') } },
    says.tooMany('spec.parameters.stop', 17, 16),
  ),
  creation('an adapter without its source', { adapters: [{}] }, says.required('spec.adapters[0].source')),
  creation(
    'an adapter from two places',
    {
      adapters: [{ source: { file: { path: '/a' }, http: { url: 'https://a.example/a' } }, sha256: digest }],
    },
    says.rule('spec.adapters[0].source', 'exactly one source is needed: file, pvc, http'),
  ),
  creation(
    'an adapter by a detour',
    { adapters: [{ source: { file: { path: '/models/../etc/passwd' } } }] },
    says.rule('spec.adapters[0].source.file.path', 'file.path must be an absolute path without ".."'),
  ),
  creation(
    'a downloaded adapter without its digest',
    { adapters: [{ source: { http: { url: 'https://models.example/a.gguf' } } }] },
    says.rule('spec.adapters[0].sha256', 'sha256 is needed for a source of kind http'),
  ),
  creation(
    'an adapter that is far too strong',
    { adapters: [{ source: { file: { path: '/a' } }, scale: 101 }] },
    says.atMost('spec.adapters[0].scale', 101, 100),
  ),
  creation(
    'too many adapters',
    { adapters: Array(9).fill({ source: { file: { path: '/a' } } }) },
    says.tooMany('spec.adapters', 9, 8),
  ),
  creation('a projector without its source', { projector: {} }, says.required('spec.projector.source')),
  creation(
    'a path for a projector',
    { projector: '/mmproj.gguf' },
    says.type('spec.projector', 'string', 'object'),
  ),
  creation(
    'a projector from nowhere',
    { projector: { source: {} } },
    says.rule('spec.projector.source', 'exactly one source is needed: file, pvc, http'),
  ),
  creation(
    'a projector from where only models come from',
    { projector: { source: { ollama: { name: 'llava' } } } },
    says.unknown('spec.projector.source.ollama'),
  ),
  creation(
    'a projector that leaves its claim',
    { projector: { source: { pvc: { claimName: 'c', path: '../p.gguf' } } } },
    says.rule(
      'spec.projector.source.pvc.path',
      'pvc.path must be relative to the root of the volume, without ".." and empty parts',
    ),
  ),
  creation(
    'a downloaded projector without its digest',
    { projector: { source: { http: { url: 'https://models.example/p.gguf' } } } },
    says.rule('spec.projector.sha256', 'sha256 is needed for a source of kind http'),
  ),
  creation(
    'a projector with a strength',
    { projector: { source: { file: { path: '/p' } }, scale: 1 } },
    says.unknown('spec.projector.scale'),
  ),
  creation('a draft model without its source', { draft: {} }, says.required('spec.draft.source')),
  creation('a path for a draft model', { draft: '/d.gguf' }, says.type('spec.draft', 'string', 'object')),
  creation(
    'a draft model from nowhere',
    { draft: { source: {} } },
    says.rule('spec.draft.source', 'exactly one source is needed: file, pvc, http'),
  ),
  creation(
    'a draft model from where only models come from',
    { draft: { source: { ollama: { name: 'llama3.2:1b' } } } },
    says.unknown('spec.draft.source.ollama'),
  ),
  creation(
    'a draft model that leaves its claim',
    { draft: { source: { pvc: { claimName: 'c', path: '../d.gguf' } } } },
    says.rule(
      'spec.draft.source.pvc.path',
      'pvc.path must be relative to the root of the volume, without ".." and empty parts',
    ),
  ),
  creation(
    'a downloaded draft model without its digest',
    { draft: { source: { http: { url: 'https://models.example/d.gguf' } } } },
    says.rule('spec.draft.sha256', 'sha256 is needed for a source of kind http'),
  ),
  creation(
    'a draft model that says how much it guesses',
    { draft: { source: { file: { path: '/d' } }, tokens: 8 } },
    says.unknown('spec.draft.tokens'),
  ),
  creation('a keep-alive below -1', { keepAliveSeconds: -2 }, says.atLeast('spec.keepAliveSeconds', -2, -1)),
  creation(
    'a keep-alive of more than a year',
    { keepAliveSeconds: 31536001 },
    says.atMost('spec.keepAliveSeconds', 31536001, 31536000),
  ),
  creation(
    'a keep-alive as text',
    { keepAliveSeconds: '10m' },
    says.type('spec.keepAliveSeconds', 'string', 'integer'),
  ),
  creation("a keep-alive by Ollama's name", { keep_alive: -1 }, says.unknown('spec.keep_alive')),
  creation('an empty template', { template: '' }, says.empty('spec.template')),
  creation('a long system message', { system: 'x'.repeat(65537) }, says.tooLong('spec.system', 65536)),
  creation('a word for false', { preload: 'no' }, says.type('spec.preload', 'string', 'boolean')),
  creation(
    'an unknown deletion policy',
    { deletionPolicy: 'Keep' },
    says.oneOf('spec.deletionPolicy', 'Keep', 'Delete', 'Retain'),
  ),
];

/** What is there before the updates below. */
export const existingModels: readonly Document[] = [
  model('existing', { model: 'tiny:1b' }),
  model('unnamed'),
  model('download', { source: { http: { url: 'https://models.example/m.gguf' } }, sha256: digest }),
];

const nameRule = says.rule('spec.model', 'model cannot be changed: create another OllamaModel');
const clusterRule = says.rule(
  'spec.clusterRef.name',
  'clusterRef cannot be changed: create another OllamaModel',
);

const update = (title: string, name: string, spec: Fields, ...sentences: readonly string[]): Refused =>
  refused(title, model(name, spec), ...sentences);

export const refusedModelUpdates: readonly Refused[] = [
  update('another name for clients', 'existing', { model: 'tiny:2b' }, nameRule),
  update('no name for clients any more', 'existing', {}, nameRule),
  update('a name for clients where there was none', 'unnamed', { model: 'tiny' }, nameRule),
  update('another cluster', 'unnamed', { clusterRef: { name: 'other' } }, clusterRule),
  update(
    'no digest any more',
    'download',
    { source: { http: { url: 'https://models.example/m.gguf' } } },
    says.rule('spec.sha256', 'sha256 is needed for a source of kind http'),
  ),
  update(
    'a second source',
    'unnamed',
    { source: { file: { path: '/a' }, ollama: { name: 'a' } } },
    oneSource,
  ),
  update('a misspelt field in an update', 'unnamed', { replica: 2 }, says.unknown('spec.replica')),
];

/** Documents that must be taken, each with the rule that it just meets. */
export const acceptedModels: readonly (readonly [meets: string, Document])[] = [
  [
    'exactly one source is needed: file, pvc, http, ollama, huggingFace, oci',
    model('one-source', { source: { ollama: { name: 'llama3.2:3b' } } }),
  ],
  [
    'file.path must be an absolute path without ".."',
    model('dots', { source: { file: { path: '/models/..tiny..v2.gguf' } } }),
  ],
  [
    'pvc.path must be relative to the root of the volume, without ".." and empty parts',
    model('claim', { source: { pvc: { claimName: 'c', path: 'a/b..c/.d.gguf' } } }),
  ],
  [
    'sha256 is needed for a source of kind http',
    model('digest', { source: { http: { url: 'http://models.example:8080/m?a=b' } }, sha256: digest }),
  ],
  [
    'exactly one source is needed: file, pvc, http',
    model('adapted', {
      adapters: [
        { source: { file: { path: '/models/a.gguf' } }, scale: 0.5 },
        { source: { pvc: { claimName: 'c', path: 'a.gguf' } } },
        { source: { http: { url: 'https://models.example/a.gguf' } }, sha256: digest },
      ],
    }),
  ],
  [
    'exactly one source is needed: file, pvc, http',
    model('seeing', { projector: { source: { pvc: { claimName: 'c', path: 'mmproj.gguf' } } } }),
  ],
  [
    'sha256 is needed for a source of kind http',
    model('seeing-download', {
      projector: { source: { http: { url: 'https://models.example/p.gguf' } }, sha256: digest },
      keepAliveSeconds: -1,
    }),
  ],
  [
    'exactly one source is needed: file, pvc, http',
    model('drafted', { draft: { source: { pvc: { claimName: 'c', path: 'small.gguf' } } } }),
  ],
  [
    'sha256 is needed for a source of kind http',
    model('drafted-download', {
      draft: { source: { http: { url: 'https://models.example/d.gguf' } }, sha256: digest },
    }),
  ],
  [
    'model cannot be changed: create another OllamaModel',
    model('existing', { model: 'tiny:1b', replicas: 3 }),
  ],
  ['model cannot be changed: create another OllamaModel', model('unnamed', { preload: true })],
  ['clusterRef cannot be changed: create another OllamaModel', model('unnamed', { priority: 5 })],
  [forms.model, model('named', { model: 'Owner/Tiny_1.5:q4_K-M' })],
  [forms.sha256, model('digested', { sha256: digest })],
  [forms.url, model('url', { source: { http: { url: 'https://a' } }, sha256: digest })],
  [forms.repository, model('repo', { source: { huggingFace: { repository: 'O-w.n/a_B', file: 'f' } } })],
];
