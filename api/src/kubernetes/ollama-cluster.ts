import { Type, type Static } from 'typebox';
import type { Immutable } from '../immutable.ts';
import { oneOf } from '../one-of.ts';
import {
  SecretKeyReference,
  keyedList,
  listPassedOn,
  objectName,
  passedOn,
  quantities,
  quantity,
  rules,
  stringMap,
  textLike,
} from './schema.ts';

/** What a person asks of a cluster of agents. Everything has a default: `spec: {}` is a cluster of three. */
export const OllamaClusterSpec = Type.Object(
  {
    replicas: Type.Integer({
      minimum: 1,
      maximum: 100,
      default: 3,
      description: 'Number of agents. Three or more go on serving while one of them is away.',
    }),
    image: Type.Optional(
      textLike('^[^\\s]+$', 'image must be the reference of an image, without spaces', {
        maxLength: 512,
        description: "Image of the agents. Left out, the operator's own release of it.",
      }),
    ),
    imagePullPolicy: Type.Optional(
      oneOf(['Always', 'IfNotPresent', 'Never'], { description: 'When nodes fetch the image.' }),
    ),
    imagePullSecrets: Type.Optional(
      keyedList(
        Type.Object(
          { name: objectName({ description: 'Name of the Secret.' }) },
          { description: 'One Secret with credentials of a registry.' },
        ),
        ['name'],
        { maxItems: 16, description: 'Secrets with credentials for the registry of the image.' },
      ),
    ),
    resources: Type.Object(
      {
        requests: quantities({
          description: 'What a node must have free for an agent.',
          default: { cpu: '500m', memory: '1Gi' },
        }),
        limits: Type.Optional(
          quantities({
            description:
              'What an agent may use at most. Agents look at the memory limit before they load a model.',
          }),
        ),
      },
      { default: {}, description: 'CPU and memory of each agent, without GPUs.' },
    ),
    gpu: Type.Optional(
      Type.Object(
        {
          vendor: oneOf(['nvidia', 'amd', 'intel'], {
            default: 'nvidia',
            description: 'Whose device plugin runs on the nodes; decides the name of the resource.',
          }),
          resourceName: Type.Optional(
            textLike(
              '^[a-z0-9.-]+/[A-Za-z0-9._-]+$',
              'gpu.resourceName must be a domain and a name, such as nvidia.com/mig-1g.5gb',
              {
                maxLength: 253,
                description: 'Name of the resource when it is not the usual one, for example a MIG slice.',
              },
            ),
          ),
          count: Type.Integer({
            minimum: 1,
            maximum: 16,
            default: 1,
            description: 'Devices per agent.',
          }),
        },
        { description: 'GPUs of each agent. Left out, agents compute on the CPU.' },
      ),
    ),
    storage: Type.Object(
      {
        size: quantity({
          default: '20Gi',
          description: 'Size of the volume that each agent keeps its models and state on. It may grow.',
        }),
        className: Type.Optional(
          objectName({ description: "StorageClass of the volumes. Left out, the cluster's default." }),
        ),
        ephemeral: Type.Boolean({
          default: false,
          description: 'Use no volumes: models are fetched anew after each restart of a pod.',
        }),
        retention: oneOf(['Retain', 'Delete'], {
          default: 'Retain',
          description: 'What happens to the volumes when the OllamaCluster is deleted.',
        }),
      },
      {
        default: {},
        description: 'Where agents keep their models and state.',
        ...rules(
          {
            rule: 'has(self.className) == has(oldSelf.className) && (!has(self.className) || self.className == oldSelf.className)',
            message: 'storage.className cannot be changed: create another OllamaCluster',
            fieldPath: '.className',
          },
          {
            rule: 'self.ephemeral == oldSelf.ephemeral',
            message: 'storage.ephemeral cannot be changed: create another OllamaCluster',
            fieldPath: '.ephemeral',
          },
          {
            rule: '!(self.ephemeral && has(self.className))',
            message: 'storage.className has no meaning with storage.ephemeral: leave one of them out',
            fieldPath: '.className',
          },
          {
            rule: '!isQuantity(string(self.size)) || quantity(string(self.size)).compareTo(quantity(string(oldSelf.size))) >= 0',
            message: 'storage.size may grow but not shrink',
            fieldPath: '.size',
          },
          {
            // What is no quantity at all has been told of already.
            rule: '!isQuantity(string(self.size)) || quantity(string(self.size)).compareTo(quantity("64Mi")) >= 0',
            message: 'storage.size must be at least 64Mi; a number without a unit, such as Gi, means bytes',
            fieldPath: '.size',
          },
        ),
      },
    ),
    service: Type.Object(
      {
        type: oneOf(['ClusterIP', 'NodePort', 'LoadBalancer'], {
          default: 'ClusterIP',
          description: 'Type of the Service that clients use.',
        }),
        annotations: Type.Optional(
          stringMap({ maxProperties: 64, description: 'Annotations of the Service.' }),
        ),
      },
      { default: {}, description: 'The Service that clients use.' },
    ),
    ingress: Type.Object(
      {
        enabled: Type.Boolean({ default: false, description: 'Whether there is an Ingress.' }),
        host: Type.Optional(
          textLike(
            '^(\\*\\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$',
            'ingress.host must be a host name such as llm.example.com, in lower case and without scheme, port and path',
            { maxLength: 253, description: 'Host name that clients use.' },
          ),
        ),
        className: Type.Optional(
          objectName({ description: "IngressClass. Left out, the cluster's default one." }),
        ),
        tlsSecretName: Type.Optional(
          objectName({ description: 'Secret with the certificate of the host; without it plain HTTP.' }),
        ),
        annotations: Type.Optional(
          stringMap({
            maxProperties: 64,
            description: 'Annotations of the Ingress; they win over those the operator sets for streams.',
          }),
        ),
      },
      {
        default: {},
        description: 'Way in from outside of the cluster.',
        ...rules({
          rule: '!self.enabled || has(self.host)',
          message: 'ingress.host is needed when ingress.enabled is true',
          fieldPath: '.host',
        }),
      },
    ),
    auth: Type.Object(
      {
        enabled: Type.Boolean({
          default: true,
          description: 'Whether clients must log in. Without it everybody who reaches an agent is admin.',
        }),
        signingSecretRef: Type.Optional(
          SecretKeyReference(
            'Secret that signs tokens, at least 32 characters. Left out, the operator makes one.',
          ),
        ),
        usersSecretRef: Type.Optional(
          SecretKeyReference(
            'Users file (users.yaml with argon2id hashes). Left out, the operator makes the user `admin`.',
          ),
        ),
        tokenLifetimeSeconds: Type.Integer({
          minimum: 60,
          maximum: 2592000,
          default: 86400,
          description: 'Seconds that a token is valid.',
        }),
      },
      { default: {}, description: 'Log-in of clients.' },
    ),
    tls: Type.Object(
      {
        managed: Type.Boolean({
          default: false,
          description: "Answer HTTPS on port 8080 with a certificate of the cluster's own authority.",
        }),
        secretName: Type.Optional(
          objectName({
            description: 'Answer HTTPS on port 8080 with the certificate in this Secret (tls.crt, tls.key).',
          }),
        ),
      },
      {
        default: {},
        description:
          'HTTPS between clients (or the Ingress) and agents. Traffic between agents is always encrypted.',
        ...rules({
          rule: '!(self.managed && has(self.secretName))',
          message: 'tls.managed and tls.secretName exclude each other',
          fieldPath: '.secretName',
        }),
      },
    ),
    inference: Type.Object(
      {
        contextSize: Type.Integer({
          minimum: 16,
          maximum: 1048576,
          default: 4096,
          description: 'Context tokens per request unless the request or the model says otherwise.',
        }),
        parallel: Type.Integer({
          minimum: 1,
          maximum: 64,
          default: 4,
          description: 'Requests that one loaded model works on at a time.',
        }),
        keepAliveSeconds: Type.Integer({
          minimum: -1,
          maximum: 31536000,
          default: 300,
          description: 'Seconds that an idle model stays in memory; -1: for ever.',
        }),
        maxLoadedModels: Type.Integer({
          minimum: 1,
          maximum: 100,
          default: 3,
          description: 'Models held in memory per agent.',
        }),
        maxQueue: Type.Integer({
          minimum: 0,
          maximum: 10000,
          default: 512,
          description: 'Requests that may wait per model and agent.',
        }),
        speculation: Type.Boolean({
          default: true,
          description:
            'Guess what follows in an answer from what was said before, and compute several tokens at once where that is faster. Answers stay the same.',
        }),
      },
      {
        default: {},
        description: 'Defaults of inference. Agents take changes over without a restart.',
      },
    ),
    scheduler: Type.Object(
      {
        strategy: oneOf(['LeastLoaded'], {
          default: 'LeastLoaded',
          description: 'How the agent for a request is chosen among those that hold its model.',
        }),
      },
      { default: {}, description: 'Routing of requests.' },
    ),
    monitoring: Type.Object(
      {
        serviceMonitor: Type.Boolean({
          default: true,
          description: 'Make a ServiceMonitor, when the cluster knows that kind.',
        }),
        interval: textLike(
          '^[0-9]+(ms|s|m)$',
          'monitoring.interval must be a whole number with ms, s or m, such as 30s',
          { default: '30s', maxLength: 16, description: 'How often Prometheus scrapes.' },
        ),
        labels: Type.Optional(
          stringMap({
            maxProperties: 32,
            description: 'Labels of the ServiceMonitor, for a Prometheus that selects by label.',
          }),
        ),
        rules: Type.Boolean({
          default: true,
          description: 'Make a PrometheusRule with alerts, when the cluster knows that kind.',
        }),
      },
      { default: {}, description: 'Monitoring by Prometheus.' },
    ),
    networkPolicy: Type.Object(
      {
        enabled: Type.Boolean({
          default: true,
          description: 'Let only named ports be reached: the internal one by agents and the operator alone.',
        }),
        clients: Type.Optional(
          listPassedOn({
            maxItems: 32,
            description: 'NetworkPolicyPeers that may reach API and dashboard. Left out, everybody.',
          }),
        ),
        monitoring: Type.Optional(
          listPassedOn({
            maxItems: 32,
            description: 'NetworkPolicyPeers that may reach the metrics port. Left out, everybody.',
          }),
        ),
      },
      { default: {}, description: 'Who may reach the agents.' },
    ),
    scheduling: Type.Object(
      {
        nodeSelector: Type.Optional(
          stringMap({ maxProperties: 32, description: 'Labels that a node must have.' }),
        ),
        tolerations: Type.Optional(
          listPassedOn({ maxItems: 32, description: 'Taints of nodes that agents tolerate.' }),
        ),
        affinity: Type.Optional(passedOn({ description: 'Affinity of the pods.' })),
        topologySpreadConstraints: Type.Optional(
          listPassedOn({
            maxItems: 16,
            description: 'How pods spread. Left out, over nodes and zones as well as it goes.',
          }),
        ),
        priorityClassName: Type.Optional(objectName({ description: 'PriorityClass of the pods.' })),
      },
      { default: {}, description: 'Which nodes the agents run on.' },
    ),
    drain: Type.Object(
      {
        delaySeconds: Type.Integer({
          minimum: 0,
          maximum: 300,
          default: 5,
          description: 'Seconds a stopping agent still takes requests, until everybody knows that it stops.',
        }),
        graceSeconds: Type.Integer({
          minimum: 0,
          maximum: 86400,
          default: 300,
          description: 'Seconds that running answers of a stopping agent get afterwards.',
        }),
      },
      { default: {}, description: 'How an agent is stopped.' },
    ),
    logging: Type.Object(
      {
        level: oneOf(['error', 'warn', 'info', 'debug'], {
          default: 'info',
          description: 'What agents log. A change restarts them one by one.',
        }),
        format: oneOf(['json', 'text'], { default: 'json', description: 'How they write it.' }),
      },
      { default: {}, description: 'Logs of the agents.' },
    ),
    pod: Type.Object(
      {
        labels: Type.Optional(stringMap({ maxProperties: 64, description: 'Labels of the pods.' })),
        annotations: Type.Optional(stringMap({ maxProperties: 64, description: 'Annotations of the pods.' })),
        env: Type.Optional(
          listPassedOn({ maxItems: 64, description: 'Environment variables of the agent (EnvVar).' }),
        ),
        volumes: Type.Optional(
          listPassedOn({ maxItems: 32, description: 'Further volumes of the pods (Volume).' }),
        ),
        volumeMounts: Type.Optional(
          listPassedOn({ maxItems: 32, description: 'Where the agent sees them (VolumeMount).' }),
        ),
      },
      { default: {}, description: 'Additions to the pods.' },
    ),
  },
  {
    description: 'What is asked of the cluster.',
    default: {},
  },
);
export type OllamaClusterSpec = Immutable<Static<typeof OllamaClusterSpec>>;
