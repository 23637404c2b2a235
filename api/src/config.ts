import { Type, type Static } from 'typebox';
import { oneOf } from './one-of.ts';
import { ClusterSettings, ModelSpec } from './wire/desired-state.ts';
import { ports } from './ports.ts';

const hostPort = (description: string, fallback: string | undefined, env?: string) =>
  Type.String({
    pattern: '^(\\[[0-9a-fA-F:.]+\\]|[A-Za-z0-9_.-]*):[0-9]{1,5}$',
    description,
    examples: [fallback ?? '10.0.0.2:9443'],
    ...(fallback === undefined ? {} : { default: fallback }),
    ...(env === undefined ? {} : { 'x-env': env }),
  });

const closed = { additionalProperties: false } as const;

/**
 * `node.yaml`: the configuration of one agent. The keyword `x-env` names the environment variable that
 * overrides a setting; values in the file may use `${VAR}` and `${VAR:-default}`.
 */
export const NodeConfig = Type.Object(
  {
    node: Type.Object(
      {
        id: Type.String({
          pattern: '^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$',
          description: 'Name of this agent, unique in its cluster; in Kubernetes the pod name.',
          'x-env': 'NODE_ID',
          default: 'agent-0',
        }),
      },
      { ...closed, default: {} },
    ),
    cluster: Type.Object(
      {
        name: Type.String({
          pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$',
          description: 'Name of the cluster; agents of another cluster are refused.',
          'x-env': 'OLLAMAMAX_CLUSTER',
          default: 'local',
        }),
        peers: Type.Array(
          Type.Object(
            {
              id: Type.String({ minLength: 1, maxLength: 63, description: 'Id of the other agent.' }),
              address: hostPort('Its internal address, host:port.', undefined),
            },
            closed,
          ),
          { maxItems: 1000, default: [], description: 'The other agents, when they are not found by DNS.' },
        ),
        peersDns: Type.Optional(
          Type.String({
            maxLength: 253,
            description:
              'Headless DNS name whose addresses are the agents, own one included; with :port if not 9443.',
            'x-env': 'OLLAMAMAX_PEERS_DNS',
          }),
        ),
        pollMs: Type.Integer({
          minimum: 100,
          maximum: 60000,
          default: 1000,
          description: 'Milliseconds between two status requests to each peer.',
        }),
      },
      { ...closed, default: {} },
    ),
    listen: Type.Object(
      {
        api: hostPort('Address of the API.', `127.0.0.1:${ports.api}`, 'API_LISTEN'),
        dashboard: hostPort(
          'Address of the dashboard; port 0 picks a free one.',
          `127.0.0.1:${ports.dashboard}`,
          'DASHBOARD_LISTEN',
        ),
        metrics: hostPort('Address of metrics and probes.', `127.0.0.1:${ports.metrics}`, 'METRICS_LISTEN'),
        internal: hostPort(
          'Address of the internal API; used only with internalTls.',
          `127.0.0.1:${ports.internal}`,
          'INTERNAL_LISTEN',
        ),
        p2p: Type.String({
          pattern: '^/(ip4|ip6|dns|dns4|dns6)/[^/]+/tcp/[0-9]{1,5}$',
          description: 'libp2p multiaddress. Reserved: nothing listens there in this version.',
          'x-env': 'P2P_LISTEN',
          default: `/ip4/127.0.0.1/tcp/${ports.p2p}`,
        }),
        raft: hostPort(
          'Address of the Raft transport; used only with internalTls.',
          `127.0.0.1:${ports.raft}`,
          'RAFT_BIND_ADDR',
        ),
      },
      { ...closed, default: {} },
    ),
    /** Addresses others reach this agent at, when they differ from where it listens. */
    advertise: Type.Object(
      {
        api: Type.Optional(
          Type.String({
            pattern: '^https?://',
            description: 'URL of the API as clients see it.',
            'x-env': 'ADVERTISE_API',
          }),
        ),
        dashboard: Type.Optional(
          Type.String({ pattern: '^https?://', description: 'URL of the dashboard as browsers see it.' }),
        ),
        raft: Type.Optional(
          Type.String({
            pattern: '^(\\[[0-9a-fA-F:.]{2,45}\\]|[A-Za-z0-9_.-]{1,253}):[0-9]{1,5}$',
            description: 'host:port at which other agents reach the Raft transport.',
            examples: ['agent-0.example:7000'],
            'x-env': 'ADVERTISE_RAFT',
          }),
        ),
      },
      { ...closed, default: {} },
    ),
    tls: Type.Object(
      {
        certFile: Type.Optional(
          Type.String({
            description: 'PEM certificate chain; the API then answers HTTPS (TLS 1.3).',
            'x-env': 'OLLAMA_TLS_CERT_FILE',
          }),
        ),
        keyFile: Type.Optional(
          Type.String({ description: 'PEM private key of certFile.', 'x-env': 'OLLAMA_TLS_KEY_FILE' }),
        ),
      },
      { ...closed, default: {} },
    ),
    internalTls: Type.Optional(
      Type.Object(
        {
          caFile: Type.String({
            description: 'PEM certificate of the cluster CA; two of them while it is being replaced.',
            'x-env': 'INTERNAL_TLS_CA_FILE',
          }),
          certFile: Type.String({
            description: 'PEM certificate of this agent.',
            'x-env': 'INTERNAL_TLS_CERT_FILE',
          }),
          keyFile: Type.String({
            description: 'PEM private key of certFile.',
            'x-env': 'INTERNAL_TLS_KEY_FILE',
          }),
        },
        {
          ...closed,
          description: 'Mutual TLS between agents and from the operator; needed as soon as there are peers.',
        },
      ),
    ),
    storage: Type.Object(
      {
        dataDir: Type.String({
          minLength: 1,
          default: './data',
          description: 'State of this agent.',
          'x-env': 'OLLAMA_DATA_DIR',
        }),
        modelDir: Type.String({
          minLength: 1,
          default: './models',
          description: 'Downloaded model files.',
          'x-env': 'OLLAMA_MODEL_DIR',
        }),
        cacheDir: Type.String({
          minLength: 1,
          default: './cache',
          description: 'Temporary files.',
          'x-env': 'OLLAMA_CACHE_DIR',
        }),
      },
      { ...closed, default: {} },
    ),
    auth: Type.Object(
      {
        enabled: Type.Boolean({
          default: false,
          description: 'Demand a token for every request.',
          'x-env': 'AUTH_ENABLED',
        }),
        usersFile: Type.Optional(
          Type.String({
            description: 'YAML file of users; made by "ollamamax user".',
            'x-env': 'AUTH_USERS_FILE',
          }),
        ),
        jwtSecret: Type.Optional(
          Type.String({
            minLength: 32,
            description: 'Secret that signs tokens, at least 32 characters, the same on every agent.',
            'x-env': 'OLLAMA_JWT_SECRET',
            'x-secret': true,
          }),
        ),
        jwtSecretFile: Type.Optional(
          Type.String({
            description: 'File with that secret, instead of jwtSecret.',
            'x-env': 'OLLAMA_JWT_SECRET_FILE',
          }),
        ),
        tokenSeconds: Type.Integer({
          minimum: 60,
          maximum: 2592000,
          default: 86400,
          description: 'Life of a token in seconds.',
        }),
      },
      { ...closed, default: {} },
    ),
    http: Type.Object(
      {
        insecure: Type.Boolean({
          default: false,
          description: 'Allow an address that is not loopback without auth.',
          'x-env': 'OLLAMAMAX_INSECURE',
        }),
        allowedHosts: Type.Array(Type.String({ maxLength: 253 }), {
          maxItems: 100,
          default: [],
          description: 'Further Host names answered on a loopback address; "*" answers all.',
        }),
        allowedOrigins: Type.Array(Type.String({ maxLength: 300 }), {
          maxItems: 100,
          default: [],
          description: 'Origins of browser pages that may call the API, beside localhost; "*" allows all.',
          'x-env': 'OLLAMA_ORIGINS',
        }),
      },
      { ...closed, default: {} },
    ),
    limits: Type.Object(
      {
        bodyBytes: Type.Integer({
          minimum: 1024,
          maximum: 1073741824,
          default: 16777216,
          description: 'Largest request body.',
        }),
        connections: Type.Integer({
          minimum: 1,
          maximum: 100000,
          default: 4096,
          description: 'Open connections per listener.',
        }),
        headersSeconds: Type.Number({
          minimum: 0.1,
          maximum: 600,
          default: 15,
          description: 'Time for a client to send its headers.',
        }),
        bodySeconds: Type.Number({
          minimum: 0.1,
          maximum: 3600,
          default: 60,
          description: 'Time for a client to send a request.',
        }),
        writeStallSeconds: Type.Number({
          minimum: 0.1,
          maximum: 3600,
          default: 60,
          description: 'A client that takes no byte of its answer for so long is cut off.',
        }),
        requestSeconds: Type.Number({
          minimum: 1,
          maximum: 86400,
          default: 1800,
          description: 'Longest life of a request.',
        }),
        queueSeconds: Type.Number({
          minimum: 0.1,
          maximum: 3600,
          default: 300,
          description: 'Longest wait for a free slot.',
        }),
      },
      { ...closed, default: {} },
    ),
    inference: Type.Object(
      {
        threads: Type.Integer({
          minimum: 0,
          maximum: 1024,
          default: 0,
          description: 'CPU threads per model; 0: as many as cores.',
        }),
        gpu: oneOf(['auto', 'off'], {
          default: 'auto',
          description: 'Use a GPU when its package is installed.',
        }),
        loadSeconds: Type.Number({
          minimum: 1,
          maximum: 86400,
          default: 300,
          description: 'Longest time for loading a model.',
        }),
        stateMemoryBytes: Type.Optional(
          Type.Integer({
            minimum: 0,
            maximum: Number.MAX_SAFE_INTEGER,
            description:
              'Memory per model for the attention states of conversations that have no place on it now; 0: none. Without it a twentieth of what is available when the model is loaded, 512 MiB at most.',
          }),
        ),
        stateDiskBytes: Type.Integer({
          minimum: 0,
          maximum: Number.MAX_SAFE_INTEGER,
          default: 0,
          description:
            'Disk per model for those that memory has no room for; 0: none. They tell what users wrote, and go when the model is unloaded.',
        }),
        llamaServer: Type.Optional(
          Type.String({
            minLength: 1,
            maxLength: 4096,
            description:
              'The program llama-server of llama.cpp, by its path or its name in PATH; without it models with a projector take no images.',
            'x-env': 'OLLAMAMAX_LLAMA_SERVER',
          }),
        ),
      },
      { ...closed, default: {} },
    ),
    drain: Type.Object(
      {
        delaySeconds: Type.Number({
          minimum: 0,
          maximum: 600,
          default: 2,
          description:
            'After SIGTERM: time in which readiness is false but requests are still taken, for load balancers to notice.',
        }),
        graceSeconds: Type.Number({
          minimum: 0,
          maximum: 86400,
          default: 60,
          description: 'Then: longest time for running streams.',
        }),
      },
      { ...closed, default: {} },
    ),
    log: Type.Object(
      {
        level: Type.Union(
          [Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')],
          {
            default: 'info',
            description: 'Lowest level that is written.',
            'x-env': 'LOG_LEVEL',
          },
        ),
        format: oneOf(['json', 'text'], {
          default: 'text',
          description: 'One JSON object per line, or text for people.',
          'x-env': 'LOG_FORMAT',
        }),
      },
      { ...closed, default: {} },
    ),
    /** Desired state of this configuration; ignored once a newer one was pushed. */
    models: Type.Array(ModelSpec, {
      maxItems: 10000,
      default: [],
      description: 'Models this agent or cluster serves.',
    }),
    settings: Type.Optional(ClusterSettings),
  },
  closed,
);
export type NodeConfig = Static<typeof NodeConfig>;
