import { isApiError } from '@ollamamax/api';
import { invalidModelFile } from './gguf-cursor.ts';
import type { GgufMetadata } from './gguf.ts';
import { modelDetails, readModelFacts, type ModelFacts } from './model-facts.ts';

/** Some families fill up vocabularies with tokens that nobody uses, to sizes that differ. */
const mostPadding = 128;

/** Characters of a token that are shown. */
const shownCharacters = 40;

/** What the state of recurrent layers is described by, in models that have others beside them, too. */
const recurrentKeys = /^(?:ssm|wkv|kda|shortconv)\./;

/** Architectures with a state of their own that no key tells of. */
const recurrentFamilies: ReadonlySet<string> = new Set([
  'bailingmoe3',
  'deepseek4',
  'kimi-k3',
  'minimax-01',
  'qwen4exp',
]);

const advice = 'give a smaller model of the same family';

const valueOf = (metadata: GgufMetadata, key: string): unknown => metadata.get(key)?.value;

const shown = (value: unknown): string => {
  const text = typeof value === 'string' ? JSON.stringify(value) : String(value);
  return text.length > shownCharacters ? `${text.slice(0, shownCharacters)}…` : text;
};

const otherVocabulary = (what: string, draft: unknown, base: unknown): Error =>
  invalidModelFile(
    `The draft model has another vocabulary than the model (${what} is ${shown(draft)} in the draft model and ` +
      `${shown(base)} in the model): ${advice}.`,
  );

const isRecurrent = (metadata: GgufMetadata, family: string): boolean =>
  recurrentFamilies.has(family) ||
  [...metadata.keys()].some(
    (key) => key.startsWith(`${family}.`) && recurrentKeys.test(key.slice(family.length + 1)),
  );

/** What it can do, apart from whom it guesses for. */
const checkKind = (facts: ModelFacts): void => {
  const { capabilities, family } = modelDetails(facts, facts.template);
  if (!capabilities.includes('completion'))
    throw invalidModelFile(`The draft model says no text, it only compares texts: ${advice}.`);
  if (isRecurrent(facts.header.metadata, family))
    throw invalidModelFile(
      `The draft model is of the architecture "${family}", whose state cannot be taken back where it guessed wrong: ` +
        'give one whose layers all have attention.',
    );
};

const tokensOf = (metadata: GgufMetadata): readonly unknown[] => {
  const tokens = valueOf(metadata, 'tokenizer.ggml.tokens');
  return Array.isArray(tokens) ? tokens : [];
};

const checkTokens = (draft: readonly unknown[], base: readonly unknown[]): void => {
  const shorter = Math.min(draft.length, base.length);
  for (let id = 0; id < shorter; id += 1)
    if (draft[id] !== base[id]) throw otherVocabulary(`token ${id}`, draft[id], base[id]);
  if (Math.abs(draft.length - base.length) > mostPadding)
    throw otherVocabulary('the number of tokens', draft.length, base.length);
};

const checkVocabulary = (draft: GgufMetadata, base: GgufMetadata): void => {
  const differing = (key: string, otherwise?: string): void => {
    const [own, wanted] = [valueOf(draft, key) ?? otherwise, valueOf(base, key) ?? otherwise];
    // What a file leaves out follows from its kind of tokenizer, which is the same in both.
    if (own !== undefined && wanted !== undefined && own !== wanted) throw otherVocabulary(key, own, wanted);
  };
  differing('tokenizer.ggml.model', 'none');
  differing('tokenizer.ggml.pre', 'default');
  differing('tokenizer.ggml.bos_token_id');
  differing('tokenizer.ggml.eos_token_id');
  checkTokens(tokensOf(draft), tokensOf(base));
};

/**
 * Makes sure that a file is a model that can guess for another one: its tokens mean the same, and what it guessed wrong
 * can be taken back.
 * @param base of the model that it guesses for, with its vocabulary: read with `verbose`
 * @throws ApiError model_file_invalid; the error of the file system when it cannot be read
 */
export const checkDraft = async (path: string, base: ModelFacts): Promise<void> => {
  const facts = await readModelFacts(path, { verbose: true }).catch((error: unknown) => {
    throw isApiError(error) ? invalidModelFile(`The draft model cannot be used. ${error.message}`) : error;
  });
  checkKind(facts);
  checkVocabulary(facts.header.metadata, base.header.metadata);
};
