import { Type, type Static } from 'typebox';
import { oneOf } from '../one-of.ts';
import { blobDigestPattern } from '../wire/own-models.ts';

// Clients written in Go send both names of a field, the unused one empty.

const name = Type.String({ maxLength: 600, description: 'Model name; the tag defaults to latest.' });
const digest = Type.String({ pattern: blobDigestPattern });

const target = {
  model: Type.Optional(name),
  name: Type.Optional(Type.String({ maxLength: 600, description: 'Old name of model.' })),
};

const streamed = {
  stream: Type.Optional(
    Type.Boolean({ default: true, description: 'Tell the progress as a stream of JSON lines (default).' }),
  ),
};

export const CreateBody = Type.Object({
  ...target,
  ...streamed,
  from: Type.Optional(Type.String({ maxLength: 600, description: 'Model that the new one is made from.' })),
  files: Type.Optional(
    Type.Record(Type.String(), digest, {
      description: 'A GGUF file by its name: the digest of its blob, uploaded before.',
    }),
  ),
  adapters: Type.Optional(
    Type.Record(Type.String(), digest, {
      description: 'LoRA adapters in GGUF by their names: the digests of their blobs, uploaded before.',
    }),
  ),
  template: Type.Optional(
    Type.String({
      maxLength: 65536,
      description:
        "Chat template in Jinja. One in Go's template language is kept and shown; the file's own is used then.",
    }),
  ),
  license: Type.Optional(
    Type.Union([
      Type.String({ maxLength: 1048576 }),
      Type.Array(Type.String({ maxLength: 1048576 }), { maxItems: 8 }),
    ]),
  ),
  system: Type.Optional(Type.String({ maxLength: 65536, description: 'Default system message.' })),
  parameters: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Union([Type.Number(), Type.Boolean(), Type.String(), Type.Array(Type.String())]),
      { description: 'Defaults of every request.' },
    ),
  ),
  messages: Type.Optional(
    Type.Array(
      Type.Object({
        role: oneOf(['system', 'user', 'assistant']),
        content: Type.String({ maxLength: 65536 }),
      }),
      { maxItems: 1000, description: 'Messages that every chat begins with.' },
    ),
  ),
  quantize: Type.Optional(
    Type.String({ maxLength: 64, description: 'Refused: files are served as they are.' }),
  ),
  quantization: Type.Optional(Type.String({ maxLength: 64, description: 'Old name of quantize.' })),
});
export type CreateBody = Static<typeof CreateBody>;

export const CopyBody = Type.Object({ source: name, destination: name });
export type CopyBody = Static<typeof CopyBody>;

export const DeleteBody = Type.Object(target);
export type DeleteBody = Static<typeof DeleteBody>;

const registryTarget = {
  model: Type.Optional(
    Type.String({
      maxLength: 620,
      description:
        'Name in the registry: [http://][host/][namespace/]model[:tag]; the host defaults to registry.ollama.ai.',
    }),
  ),
  name: Type.Optional(Type.String({ maxLength: 620, description: 'Old name of model.' })),
  insecure: Type.Optional(
    Type.Boolean({ default: false, description: 'Allow a registry without encryption (http://).' }),
  ),
};

export const PullBody = Type.Object({ ...registryTarget, ...streamed });
export type PullBody = Static<typeof PullBody>;

export const PushBody = Type.Object({ ...registryTarget, ...streamed });
export type PushBody = Static<typeof PushBody>;

/** One line of what happens while a model is made, fetched or sent. */
export const ProgressResponse = Type.Object({
  status: Type.String(),
  digest: Type.Optional(Type.String({ description: 'Blob that is on its way.' })),
  total: Type.Optional(Type.Integer({ description: 'Its bytes.' })),
  completed: Type.Optional(Type.Integer({ description: 'Bytes of it that are done.' })),
});
export type ProgressResponse = Static<typeof ProgressResponse>;
