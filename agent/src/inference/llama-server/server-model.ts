import { open } from 'node:fs/promises';
import { readGguf } from '../../models/gguf.ts';
import type { LoadedModel } from '../runner/loaded-model.ts';
import type { LoadSpec } from '../runner/protocol.ts';
import type { ServerClient } from './server-client.ts';
import { Slots } from './slots.ts';

/** What prompts are made of, of a model that llama-server holds. */
export interface ServerModel extends Pick<
  LoadedModel,
  'contextSize' | 'chatTemplate' | 'bosText' | 'eosText' | 'controlTexts'
> {
  readonly client: ServerClient;
  readonly slots: Slots;
  /** Stands in a prompt where an image is. */
  readonly mediaMarker: string;
  /** Tokens that every prompt begins with. */
  readonly opening: readonly number[];
}

interface Props {
  readonly bos_token?: string;
  readonly eos_token?: string;
  readonly media_marker?: string;
  readonly default_generation_settings?: { readonly n_ctx?: number };
}

/** Of llama-server before it drew one of its own at every start. */
const oldMediaMarker = '<__media__>';

/** GGUF's number for a token that only the chat template may write. */
const controlTokenType = 3;

/** Asks llama-server and the file what they know. llama-server has a template of its own for files without one. */
export const describeServerModel = async (client: ServerClient, spec: LoadSpec): Promise<ServerModel> => {
  const props = (await client.get('/props')) as Props;
  await using file = await open(spec.path);
  const { metadata } = await readGguf(file, { verbose: true });
  const template = metadata.get('tokenizer.chat_template')?.value;
  const texts = listOf(metadata.get('tokenizer.ggml.tokens')?.value);
  const types = listOf(metadata.get('tokenizer.ggml.token_type')?.value);
  return {
    client,
    slots: new Slots(spec.parallel),
    contextSize: Math.min(spec.contextSize, props.default_generation_settings?.n_ctx ?? spec.contextSize),
    chatTemplate: typeof template === 'string' ? template : undefined,
    bosText: props.bos_token ?? '',
    eosText: props.eos_token ?? '',
    controlTexts: texts.filter((_text, id) => types[id] === controlTokenType).map(String),
    mediaMarker: props.media_marker ?? oldMediaMarker,
    opening: await tokenized(client, '', { addSpecial: true, parseSpecial: true }),
  };
};

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** @throws ServerRefusal */
export const tokenized = async (
  client: ServerClient,
  content: string,
  { addSpecial, parseSpecial }: { readonly addSpecial: boolean; readonly parseSpecial: boolean },
): Promise<readonly number[]> => {
  const body = { content, add_special: addSpecial, parse_special: parseSpecial };
  return ((await client.post('/tokenize', body)) as { readonly tokens: readonly number[] }).tokens;
};

/** @throws ServerRefusal */
export const detokenized = async (client: ServerClient, tokens: readonly number[]): Promise<string> =>
  ((await client.post('/detokenize', { tokens })) as { readonly content: string }).content;
