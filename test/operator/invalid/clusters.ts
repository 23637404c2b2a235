import { cluster } from '../harness/documents.ts';
import type { Document } from '../harness/documents.ts';
import { forms, refused, says } from './refused.ts';
import type { Refused } from './refused.ts';

const creation = (title: string, spec: unknown, ...sentences: readonly string[]): Refused =>
  refused(title, cluster('sample', spec), ...sentences);

const longName = 'a'.repeat(41);
const rfc1123 =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and " +
  "end with an alphanumeric character (e.g. 'example.com', regex used for validation is " +
  String.raw`'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`;
const nameRule =
  'the name of an OllamaCluster must begin with a letter and have only lower-case letters, digits and "-"';

export const refusedClusters: readonly Refused[] = [
  creation('no agents', { replicas: 0 }, says.atLeast('spec.replicas', 0, 1)),
  creation('more than a hundred agents', { replicas: 101 }, says.atMost('spec.replicas', 101, 100)),
  creation(
    'a word for a number',
    { replicas: 'three' },
    says.type('spec.replicas', 'string', 'integer'),
    '.spec.replicas: Invalid value: 0: .spec.replicas accessor error: three is of the type string, expected int64',
  ),
  creation(
    'half an agent',
    { replicas: 1.5 },
    says.type('spec.replicas', 'number', 'integer'),
    '.spec.replicas: Invalid value: 0: .spec.replicas accessor error: 1.5 is of the type float64, expected int64',
  ),
  creation('a field that is misspelt', { replica: 3 }, says.unknown('spec.replica')),
  creation(
    'a field that is misspelt further in',
    { storage: { siz: '1Gi' } },
    says.unknown('spec.storage.siz'),
  ),
  refused(
    'a field beside spec that is misspelt',
    { ...cluster('sample', {}), sepc: {} },
    says.unknown('sepc'),
  ),
  refused(
    'a field of metadata that is misspelt',
    cluster('sample', {}, { lables: {} }),
    says.unknown('metadata.lables'),
  ),
  creation(
    'a text for spec',
    'three agents',
    says.type('spec', 'string', 'object'),
    '.spec.replicas: Invalid value: 0: .spec.replicas accessor error: three agents is of the type string, expected map[string]interface{}',
  ),
  refused(
    'a name that is too long',
    cluster(longName, {}),
    says.rule('<nil>', 'the name of an OllamaCluster may have at most 40 characters'),
  ),
  refused('a name with a dot', cluster('with.dot', {}), says.rule('<nil>', nameRule)),
  refused('a name that begins with a digit', cluster('1st', {}), says.rule('<nil>', nameRule)),
  refused(
    'a name with a capital letter',
    cluster('Sample', {}),
    `metadata.name: Invalid value: "Sample": ${rfc1123}`,
    says.rule('<nil>', nameRule),
  ),
  creation('an empty image', { image: '' }, says.form('spec.image', forms.image)),
  creation('an image with a space', { image: 'agent 1' }, says.form('spec.image', forms.image)),
  creation('a long image', { image: 'x'.repeat(513) }, says.tooLong('spec.image', 512)),
  creation(
    'an unknown pull policy',
    { imagePullPolicy: 'Sometimes' },
    says.oneOf('spec.imagePullPolicy', 'Sometimes', 'Always', 'IfNotPresent', 'Never'),
  ),
  creation(
    'a pull secret that is no name',
    { imagePullSecrets: [{ name: 'Registry' }] },
    says.form('spec.imagePullSecrets[0].name', forms.name),
  ),
  creation(
    'a pull secret without a name',
    { imagePullSecrets: [{}] },
    says.required('spec.imagePullSecrets[0].name'),
  ),
  creation(
    'a pull secret given twice',
    { imagePullSecrets: [{ name: 'a' }, { name: 'a' }] },
    'spec.imagePullSecrets[1]: Duplicate value: {"name":"a"}',
  ),
  creation(
    'an amount of memory in words',
    { resources: { requests: { memory: 'lots' } } },
    says.amount('spec.resources.requests[memory]'),
  ),
  creation(
    'less than no memory',
    { resources: { limits: { memory: '-1Gi' } } },
    says.amount('spec.resources.limits[memory]'),
  ),
  creation(
    'a vendor of GPUs that is not known',
    { gpu: { vendor: 'other' } },
    says.oneOf('spec.gpu.vendor', 'other', 'nvidia', 'amd', 'intel'),
  ),
  creation('no GPU', { gpu: { count: 0 } }, says.atLeast('spec.gpu.count', 0, 1)),
  creation('too many GPUs', { gpu: { count: 17 } }, says.atMost('spec.gpu.count', 17, 16)),
  creation(
    'a resource without its domain',
    { gpu: { resourceName: 'gpu' } },
    says.form('spec.gpu.resourceName', forms.gpu),
  ),
  creation('a size in words', { storage: { size: 'big' } }, says.amount('spec.storage.size')),
  creation('a size with two units', { storage: { size: '1e3Gi' } }, says.amount('spec.storage.size')),
  creation(
    'no storage',
    { storage: { size: '0' } },
    says.rule(
      'spec.storage.size',
      'storage.size must be at least 64Mi; a number without a unit, such as Gi, means bytes',
    ),
  ),
  creation(
    'a storage class that is no name',
    { storage: { className: 'Fast SSD' } },
    says.form('spec.storage.className', forms.name),
  ),
  creation(
    'an unknown retention',
    { storage: { retention: 'Keep' } },
    says.oneOf('spec.storage.retention', 'Keep', 'Retain', 'Delete'),
  ),
  creation(
    'a storage class for no volumes',
    { storage: { ephemeral: true, className: 'fast' } },
    says.rule(
      'spec.storage.className',
      'storage.className has no meaning with storage.ephemeral: leave one of them out',
    ),
  ),
  creation(
    'yes for true',
    { storage: { ephemeral: 'yes' } },
    says.type('spec.storage.ephemeral', 'string', 'boolean'),
  ),
  creation(
    'a service of another kind',
    { service: { type: 'ExternalName' } },
    says.oneOf('spec.service.type', 'ExternalName', 'ClusterIP', 'NodePort', 'LoadBalancer'),
  ),
  creation(
    'a number as an annotation',
    { service: { annotations: { weight: 1 } } },
    says.type('spec.service.annotations.weight', 'integer', 'string'),
  ),
  creation(
    'an ingress without a host',
    { ingress: { enabled: true } },
    says.rule('spec.ingress.host', 'ingress.host is needed when ingress.enabled is true'),
  ),
  creation(
    'a URL for a host',
    { ingress: { enabled: true, host: 'https://llm.example.com' } },
    says.form('spec.ingress.host', forms.host),
  ),
  creation(
    'tokens that are valid for a moment',
    { auth: { tokenLifetimeSeconds: 59 } },
    says.atLeast('spec.auth.tokenLifetimeSeconds', 59, 60),
  ),
  creation(
    'tokens that are valid for months',
    { auth: { tokenLifetimeSeconds: 2592001 } },
    says.atMost('spec.auth.tokenLifetimeSeconds', 2592001, 2592000),
  ),
  creation(
    'a signing secret without its key',
    { auth: { signingSecretRef: { name: 'auth' } } },
    says.required('spec.auth.signingSecretRef.key'),
  ),
  creation(
    'users without the name of their secret',
    { auth: { usersSecretRef: { key: 'users.yaml' } } },
    says.required('spec.auth.usersSecretRef.name'),
  ),
  creation(
    'a certificate of its own and a given one',
    { tls: { managed: true, secretName: 'mine' } },
    says.rule('spec.tls.secretName', 'tls.managed and tls.secretName exclude each other'),
  ),
  creation(
    'a tiny context',
    { inference: { contextSize: 8 } },
    says.atLeast('spec.inference.contextSize', 8, 16),
  ),
  creation(
    'a huge context',
    { inference: { contextSize: 1048577 } },
    says.atMost('spec.inference.contextSize', 1048577, 1048576),
  ),
  creation(
    'nothing at a time',
    { inference: { parallel: 0 } },
    says.atLeast('spec.inference.parallel', 0, 1),
  ),
  creation(
    'too much at a time',
    { inference: { parallel: 65 } },
    says.atMost('spec.inference.parallel', 65, 64),
  ),
  creation(
    'a time below for ever',
    { inference: { keepAliveSeconds: -2 } },
    says.atLeast('spec.inference.keepAliveSeconds', -2, -1),
  ),
  creation(
    'no loaded model',
    { inference: { maxLoadedModels: 0 } },
    says.atLeast('spec.inference.maxLoadedModels', 0, 1),
  ),
  creation(
    'a negative queue',
    { inference: { maxQueue: -1 } },
    says.atLeast('spec.inference.maxQueue', -1, 0),
  ),
  creation(
    'an unknown strategy',
    { scheduler: { strategy: 'RoundRobin' } },
    says.oneOf('spec.scheduler.strategy', 'RoundRobin', 'LeastLoaded'),
  ),
  creation(
    'an interval without its unit',
    { monitoring: { interval: '30' } },
    says.form('spec.monitoring.interval', forms.interval),
  ),
  creation(
    'one peer for a list of peers',
    { networkPolicy: { clients: {} } },
    says.type('spec.networkPolicy.clients', 'object', 'array'),
  ),
  creation(
    'a label of nodes that is no text',
    { scheduling: { nodeSelector: { gpu: true } } },
    says.type('spec.scheduling.nodeSelector.gpu', 'boolean', 'string'),
  ),
  creation(
    'a long delay',
    { drain: { delaySeconds: 301 } },
    says.atMost('spec.drain.delaySeconds', 301, 300),
  ),
  creation(
    'more than a day of grace',
    { drain: { graceSeconds: 86401 } },
    says.atMost('spec.drain.graceSeconds', 86401, 86400),
  ),
  creation(
    'an unknown level',
    { logging: { level: 'verbose' } },
    says.oneOf('spec.logging.level', 'verbose', 'error', 'warn', 'info', 'debug'),
  ),
  creation(
    'an unknown format',
    { logging: { format: 'xml' } },
    says.oneOf('spec.logging.format', 'xml', 'json', 'text'),
  ),
  creation('an environment as text', { pod: { env: 'A=b' } }, says.type('spec.pod.env', 'string', 'array')),
  creation(
    'three mistakes at once',
    { replicas: 0, image: '', storage: { size: '0' } },
    says.form('spec.image', forms.image),
    says.atLeast('spec.replicas', 0, 1),
    says.rule(
      'spec.storage.size',
      'storage.size must be at least 64Mi; a number without a unit, such as Gi, means bytes',
    ),
  ),
];

/** What is there before the updates below. */
export const existingClusters: readonly Document[] = [
  cluster('existing', { storage: { className: 'fast', size: '20Gi' } }),
  cluster('plain', {}),
  cluster('forgetful', { storage: { ephemeral: true } }),
];

const classRule = says.rule(
  'spec.storage.className',
  'storage.className cannot be changed: create another OllamaCluster',
);
const ephemeralRule = says.rule(
  'spec.storage.ephemeral',
  'storage.ephemeral cannot be changed: create another OllamaCluster',
);
const shrinkRule = says.rule('spec.storage.size', 'storage.size may grow but not shrink');

const update = (title: string, name: string, spec: unknown, ...sentences: readonly string[]): Refused =>
  refused(title, cluster(name, spec), ...sentences);

export const refusedClusterUpdates: readonly Refused[] = [
  update('another storage class', 'existing', { storage: { className: 'slow', size: '20Gi' } }, classRule),
  update('no storage class any more', 'existing', { storage: { size: '20Gi' } }, classRule),
  update('nothing about storage any more', 'existing', {}, classRule),
  update('a storage class where there was none', 'plain', { storage: { className: 'fast' } }, classRule),
  update('no volumes any more', 'plain', { storage: { ephemeral: true } }, ephemeralRule),
  update('volumes where there were none', 'forgetful', { storage: { ephemeral: false } }, ephemeralRule),
  update('smaller volumes', 'plain', { storage: { size: '19Gi' } }, shrinkRule),
  update(
    'smaller volumes in another unit',
    'existing',
    { storage: { className: 'fast', size: '20G' } },
    shrinkRule,
  ),
  update('no agents any more', 'plain', { replicas: 0 }, says.atLeast('spec.replicas', 0, 1)),
  update('a misspelt field in an update', 'plain', { replicsa: 4 }, says.unknown('spec.replicsa')),
];

/** Documents that must be taken, each with the rule that it just meets. */
export const acceptedClusters: readonly (readonly [meets: string, Document])[] = [
  ['the name of an OllamaCluster may have at most 40 characters', cluster('a'.repeat(40), {})],
  [nameRule, cluster('a-1', {})],
  [
    'storage.className has no meaning with storage.ephemeral: leave one of them out',
    cluster('ephemeral', { storage: { ephemeral: true } }),
  ],
  [
    'storage.size must be at least 64Mi; a number without a unit, such as Gi, means bytes',
    cluster('smallest', { storage: { size: '64Mi' } }),
  ],
  [
    'ingress.host is needed when ingress.enabled is true',
    cluster('ingress-off', { ingress: { host: 'a.example' } }),
  ],
  ['tls.managed and tls.secretName exclude each other', cluster('tls', { tls: { managed: true } })],
  [
    'storage.className cannot be changed: create another OllamaCluster',
    cluster('existing', { replicas: 5, storage: { className: 'fast', size: '20Gi' } }),
  ],
  [
    'storage.ephemeral cannot be changed: create another OllamaCluster',
    cluster('forgetful', { replicas: 5, storage: { ephemeral: true } }),
  ],
  ['storage.size may grow but not shrink', cluster('plain', { storage: { size: '20480Mi' } })],
  ['storage.size may grow but not shrink', cluster('plain', { storage: { size: '21Gi' } })],
  [forms.name, cluster('names', { storage: { className: 'a.b-c1' }, imagePullSecrets: [{ name: 'a' }] })],
  [forms.amount, cluster('amounts', { resources: { limits: { cpu: '0.5', memory: '1.5e9', gpus: 2 } } })],
  [forms.image, cluster('image', { image: 'registry.example:5000/a/b:1@sha256:0' })],
  [forms.gpu, cluster('gpu', { gpu: { resourceName: 'nvidia.com/mig-1g.5gb' } })],
  [forms.host, cluster('host', { ingress: { host: '*.a-1.example' } })],
  [forms.interval, cluster('interval', { monitoring: { interval: '500ms' } })],
];
