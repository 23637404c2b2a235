import {
  compileValidator,
  ModelParameters,
  SeedMessages,
  type ModelLayer,
  type ModelSpec,
} from '@ollamamax/api';
import type { BlobStore } from './blob-store.ts';
import { isGoTemplate } from './go-template.ts';
import { layerTypes } from './layer-types.ts';

/** What the small layers of a model say. */
export interface OwnTexts {
  /** Template in Jinja, used instead of the file's own. */
  readonly jinja?: string;
  /** Template in Go's language: shown, never rendered. */
  readonly goTemplate?: string;
  readonly system?: string;
  readonly parameters: NonNullable<ModelSpec['parameters']>;
  readonly messages: SeedMessages;
  readonly license: string;
}

/** Longest text layer that is read, in bytes: licences are the longest. */
const maxTextBytes = 1024 * 1024;

const validateParameters = compileValidator(ModelParameters);
const validateMessages = compileValidator(SeedMessages);

const parsed = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
};

/** Reads the texts; what is not of its form counts as absent, since models of others are served as well as possible. */
export const readOwnTexts = async (blobs: BlobStore, layers: readonly ModelLayer[]): Promise<OwnTexts> => {
  const read = (layer: ModelLayer): Promise<Buffer> => blobs.read(layer.digest, maxTextBytes);
  const all = (type: string): Promise<Buffer[]> =>
    Promise.all(layers.filter(({ mediaType }) => mediaType === type).map(read));
  const last = async (type: string): Promise<Buffer | undefined> => (await all(type)).at(-1);
  const template = (await last(layerTypes.template))?.toString('utf8');
  const system = (await last(layerTypes.system))?.toString('utf8');
  const params = await last(layerTypes.params);
  const messages = await last(layerTypes.messages);
  const parameters = params === undefined ? undefined : validateParameters(parsed(params));
  const seed = messages === undefined ? undefined : validateMessages(parsed(messages));
  return {
    ...(template === undefined || template === ''
      ? {}
      : isGoTemplate(template)
        ? { goTemplate: template }
        : { jinja: template }),
    ...(system === undefined || system === '' ? {} : { system }),
    parameters: parameters?.ok === true ? parameters.value : {},
    messages: seed?.ok === true ? seed.value : [],
    license: (await all(layerTypes.license)).map((text) => text.toString('utf8')).join('\n\n'),
  };
};
