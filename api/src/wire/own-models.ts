import { Type, type Static } from 'typebox';
import { agentIdPattern } from './desired-state.ts';

const closed = { additionalProperties: false } as const;

/** How the bytes of a blob are named: `sha256:` and 64 lower-case hexadecimal digits. */
export const blobDigestPattern = '^sha256:[0-9a-f]{64}$';

/** One blob of a model: what it is, which bytes, and how many. */
export const ModelLayer = Type.Object(
  {
    mediaType: Type.String({
      minLength: 1,
      maxLength: 128,
      description: "What the blob is, in OCI's terms.",
    }),
    digest: Type.String({ pattern: blobDigestPattern, description: 'SHA-256 of its bytes.' }),
    size: Type.Integer({ minimum: 0, description: 'Bytes.' }),
  },
  closed,
);
export type ModelLayer = Static<typeof ModelLayer>;

/** Parts of one model, without its config. */
const maxModelLayers = 32;

/** A model that people manage through Ollama's API, beside those of the desired state. */
export const OwnModel = Type.Object(
  {
    manifest: Type.Object(
      {
        config: ModelLayer,
        layers: Type.Array(ModelLayer, { minItems: 1, maxItems: maxModelLayers }),
      },
      closed,
    ),
    holder: Type.String({ pattern: agentIdPattern, description: 'Agent that has the blobs.' }),
    createdAt: Type.Integer({ minimum: 0, description: 'Milliseconds since 1970.' }),
    createdBy: Type.String({ maxLength: 64, description: 'User who made it.' }),
  },
  closed,
);
export type OwnModel = Static<typeof OwnModel>;

/** Canonical name of a model: lower case, with its tag. */
export const OwnModelName = Type.String({ pattern: '^[a-z0-9_.:/-]{3,600}$' });

// Registries may say more of each part than is needed here.
const part = Type.Object(ModelLayer.properties);

/** What a registry says of a model. */
export const RegistryManifest = Type.Object({
  config: part,
  layers: Type.Array(part, { minItems: 1, maxItems: maxModelLayers }),
});

/** Turns of a conversation that every chat with a model begins with. */
export const SeedMessages = Type.Array(
  Type.Object({ role: Type.Enum(['system', 'user', 'assistant']), content: Type.String() }),
);
export type SeedMessages = Static<typeof SeedMessages>;
