import { Type } from 'typebox';
import { objectName, rules, textLike } from './schema.ts';

const filePath = (description: string) => Type.String({ minLength: 1, maxLength: 4096, description });

/** Kinds of source, in the order in which they are documented. */
export const modelSourceKinds = ['file', 'pvc', 'http', 'ollama', 'huggingFace', 'oci'] as const;
export type ModelSourceKind = (typeof modelSourceKinds)[number];

/** Those that agents can use today; the others are accepted and report `SourceNotSupportedYet`. */
export const supportedModelSources: ReadonlySet<ModelSourceKind> = new Set(['file', 'pvc', 'http']);

const exactlyOneOf = (kinds: readonly string[]): string =>
  `[${kinds.map((kind) => `has(self.${kind})`).join(', ')}].filter(given, given).size() == 1`;

/** Of any file. */
export const fileDigest = textLike(
  '^[0-9a-f]{64}$',
  'sha256 must be 64 lower-case hexadecimal digits, without "sha256:" before',
  {
    maxLength: 128,
    description:
      'SHA-256 of the file, 64 lower-case hexadecimal digits. Without it the file is taken as it is.',
  },
);

/** Sources from which agents get a file of any kind. */
const fileSources = {
  file: Type.Optional(
    Type.Object(
      {
        path: filePath('Absolute path of a GGUF file in the pods, from their image or a volume of spec.pod.'),
      },
      {
        description: 'A file that every agent already has.',
        ...rules({
          rule: 'self.path.startsWith("/") && !self.path.contains("/../") && !self.path.endsWith("/..")',
          message: 'file.path must be an absolute path without ".."',
          fieldPath: '.path',
        }),
      },
    ),
  ),
  pvc: Type.Optional(
    Type.Object(
      {
        claimName: objectName({ description: 'PersistentVolumeClaim in the same namespace.' }),
        path: filePath('Path of a GGUF file on it, from its root.'),
      },
      {
        description:
          'A file on a volume that all agents mount to read. Agents restart one by one when the first model names a claim.',
        ...rules({
          rule: '!self.path.startsWith("/") && self.path.split("/").all(part, part != ".." && part != "")',
          message: 'pvc.path must be relative to the root of the volume, without ".." and empty parts',
          fieldPath: '.path',
        }),
      },
    ),
  ),
  http: Type.Optional(
    Type.Object(
      {
        url: textLike(
          '^https?://[^\\s/]+\\S*$',
          'http.url must begin with http:// or https:// and a host, and have no spaces',
          {
            maxLength: 4096,
            description: 'Where agents download it; resumed after an interruption. Needs sha256.',
          },
        ),
      },
      { description: 'A file behind a URL.' },
    ),
  ),
};

/** Of the file of a model. */
export const Source = Type.Object(
  {
    ...fileSources,
    ollama: Type.Optional(
      Type.Object(
        {
          name: Type.String({
            minLength: 1,
            maxLength: 512,
            description: 'Name in an Ollama registry, for example `llama3.2:3b`.',
          }),
        },
        { description: 'A model of an Ollama registry. Not supported yet.' },
      ),
    ),
    huggingFace: Type.Optional(
      Type.Object(
        {
          repository: textLike(
            '^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$',
            'huggingFace.repository must be an owner and a name, such as owner/name',
            { maxLength: 256, description: 'Repository, `owner/name`.' },
          ),
          file: filePath('File in it.'),
          revision: Type.String({
            minLength: 1,
            maxLength: 128,
            default: 'main',
            description: 'Branch, tag or commit.',
          }),
        },
        { description: 'A file of a Hugging Face repository. Not supported yet.' },
      ),
    ),
    oci: Type.Optional(
      Type.Object(
        {
          reference: Type.String({
            minLength: 3,
            maxLength: 512,
            description: 'Reference of the artifact, `registry/name:tag` or `@sha256:…`.',
          }),
        },
        { description: 'An OCI artifact. Not supported yet.' },
      ),
    ),
  },
  {
    description: 'Where the model comes from: exactly one of these.',
    ...rules({
      rule: exactlyOneOf(modelSourceKinds),
      message: `exactly one source is needed: ${modelSourceKinds.join(', ')}`,
    }),
  },
);

const fileSourceKinds = Object.keys(fileSources);

/** Of a file beside that of the model. */
const FileSource = (description: string) =>
  Type.Object(fileSources, {
    description,
    ...rules({
      rule: exactlyOneOf(fileSourceKinds),
      message: `exactly one source is needed: ${fileSourceKinds.join(', ')}`,
    }),
  });

/** For what has `source` and `sha256`. */
export const digestOfDownload = {
  rule: '!has(self.source.http) || has(self.sha256)',
  message: 'sha256 is needed for a source of kind http',
  fieldPath: '.sha256',
};

/** Small weights that are added to those of the model. */
export const Adapter = Type.Object(
  {
    source: FileSource('Where the adapter comes from: exactly one of these.'),
    sha256: Type.Optional(fileDigest),
    scale: Type.Optional(
      Type.Number({
        minimum: -100,
        maximum: 100,
        description: 'How strongly it is applied: 1, which is usual, as it was trained; 0 not at all.',
      }),
    ),
  },
  {
    description: 'A LoRA adapter that was made for the model.',
    ...rules(digestOfDownload),
  },
);

/** What makes images into something that the model reads. */
export const Projector = Type.Object(
  {
    source: FileSource('Where the projector comes from: exactly one of these.'),
    sha256: Type.Optional(fileDigest),
  },
  {
    description:
      'The image projector of the model, a GGUF file of its own, mostly named mmproj. Images need llama-server in the pods, which the image of the project does not have.',
    ...rules(digestOfDownload),
  },
);

/** A model that guesses for another one. */
export const Draft = Type.Object(
  {
    source: FileSource('Where the draft model comes from: exactly one of these.'),
    sha256: Type.Optional(fileDigest),
  },
  {
    description:
      'A smaller model of the same vocabulary that guesses what this one says. What comes true is computed faster; answers stay the same.',
    ...rules(digestOfDownload),
  },
);
