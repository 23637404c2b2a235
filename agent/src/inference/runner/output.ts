import { randomBytes, randomInt } from 'node:crypto';
import type { TokenLogprob } from '@ollamamax/api';
import type { AnswerForm } from './answer-form.ts';
import { ChannelSplitter } from './channel-splitter.ts';
import type { Credit } from './credit.ts';
import { JsonEnd } from './json-end.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { Job, JobEvent } from './protocol.ts';
import type { SampledToken } from './step-backend.ts';
import { StopMatcher } from './stop-matcher.ts';
import { TextAssembler } from './text-assembler.ts';
import { controlMarksOf } from './thinking-formats.ts';
import { ThinkingSplitter, type AnswerSplitter } from './thinking-splitter.ts';
import { ToolCallParser, type ToolPiece } from './tool-call-parser.ts';

export interface OutputOptions {
  readonly id: number;
  readonly job: Job;
  /** Not needed by those who bring text instead of tokens. */
  readonly model: Pick<LoadedModel, 'detokenize' | 'bytesOf'>;
  /** Whether the answer begins inside the model's thinking; undefined: the model does not think. */
  readonly thinking: { readonly isOpen: boolean } | undefined;
  /** How the model writes calls and thinking. */
  readonly form: AnswerForm;
  readonly credit: Credit;
  readonly emit: (event: JobEvent) => void;
}

/** From tokens to events: characters, thinking, end of a JSON value, stop strings, tool calls. */
export class Output {
  readonly #options: OutputOptions;
  readonly #assembler: TextAssembler;
  readonly #thinking: AnswerSplitter | undefined;
  readonly #stops: StopMatcher;
  readonly #json: JsonEnd | undefined;
  readonly #tools: ToolCallParser | undefined;
  /** Marks that the parsers wait for, which may be control tokens. */
  readonly #callMarks: readonly string[];
  readonly #thinkingMarks: readonly string[];
  /** Those that came as such. */
  readonly #hidden = new Set<string>();
  readonly #onlyOneCall: boolean;
  readonly #keepsText: boolean;
  #calls = 0;
  #text = '';
  #thinkingTokens = 0;
  /** Tokens that may turn out to be thinking. */
  #undecided = 0;
  /** Tokens and their likelihoods that no event has told of yet. */
  #unsent = 0;
  #logprobs: TokenLogprob[] = [];

  constructor(options: OutputOptions) {
    this.#options = options;
    const { job, model, form, thinking } = options;
    const { input } = job;
    const tools = input.kind === 'chat' ? input.tools : [];
    const hasNoise = form.tools?.noise !== undefined || form.tools?.bareNoise !== undefined;
    const format = tools.length > 0 || hasNoise ? form.tools : undefined;
    this.#tools =
      format === undefined
        ? undefined
        : new ToolCallParser({
            format,
            tools,
            newId: format.hasShortIds === true ? newShortId : newId,
            isHidden: (mark) => this.#hidden.has(mark),
          });
    this.#onlyOneCall = input.kind === 'chat' && !input.parallelToolCalls;
    this.#assembler = new TextAssembler((tokens, before) => model.detokenize(tokens, before, false));
    this.#thinking = splitterOf(form, thinking, tools.length > 0);
    this.#callMarks =
      format === undefined ? [] : [...format.openings, ...format.marks, ...(format.noise ?? [])];
    this.#thinkingMarks = this.#thinking === undefined ? [] : thinkingMarksOf(form);
    // What a stop sequence ends is told in tokens of what was shown.
    this.#keepsText = job.wantsContext && job.sampling.stop.length > 0;
    this.#stops = new StopMatcher(job.sampling.stop);
    this.#json = job.endsWithJson ? new JsonEnd() : undefined;
  }

  /** Tool calls so far. */
  get calls(): number {
    return this.#calls;
  }

  /** What was shown of the answer; kept only where a stop sequence may end an answer whose tokens are wanted. */
  get text(): string {
    return this.#text;
  }

  /** Tokens of what the model thought, with the marks around it; undefined: it does not think aloud. */
  get thinkingTokens(): number | undefined {
    return this.#thinking === undefined ? undefined : this.#thinkingTokens;
  }

  get stoppedBy(): string | undefined {
    return this.#stops.stoppedBy;
  }

  /** Takes a token; true when the answer is complete with it. */
  push({ token, logprobs }: SampledToken): boolean {
    this.#unsent += 1;
    if (logprobs !== undefined)
      this.#logprobs.push({
        ...this.#described(token, logprobs.chosen),
        top: logprobs.top.map((one) => this.#described(one.token, one.logprob)),
      });
    const mark = this.#markOf(token);
    return this.#counted(1, () =>
      this.#take(mark === undefined ? this.#assembler.push(token) : this.#assembler.flush() + mark),
    );
  }

  /** Takes text that somebody else has made of tokens; true when the answer is complete with it. */
  pushText(text: string, tokens: number, logprobs: readonly TokenLogprob[]): boolean {
    this.#unsent += tokens;
    this.#logprobs.push(...logprobs);
    return this.#counted(tokens, () => this.#take(text));
  }

  /** The answer is over: what was held back is told. */
  flush(): void {
    this.#take(this.#assembler.flush());
    const rest = this.#thinking?.flush();
    if (rest !== undefined) this.#split(rest.thinking, rest.content);
    this.#show(this.#stops.flush());
    if (this.#tools !== undefined) this.#deliver(this.#tools.flush());
    // Tokens without a text of their own have likelihoods as well.
    if (this.#logprobs.length > 0) this.#sendText('', true);
  }

  #described(token: number, logprob: number): Omit<TokenLogprob, 'top'> {
    const bytes = this.#options.model.bytesOf(token);
    return { token, text: Buffer.from(bytes).toString('utf8'), bytes: [...bytes], logprob };
  }

  /** The text of a control token that a parser waits for. */
  #markOf(token: number): string | undefined {
    if (this.#callMarks.length === 0 && this.#thinkingMarks.length === 0) return undefined;
    const { model, form } = this.#options;
    if (model.bytesOf(token).length > 0) return undefined;
    const mark = model.detokenize([token], [], true);
    if (!this.#callMarks.includes(mark))
      return this.#thinking?.awaitsMarks === true && this.#thinkingMarks.includes(mark) ? mark : undefined;
    this.#hidden.add(mark);
    // Some models go from thinking to a call without a word; as a control token it cannot be only spoken of.
    if (this.#thinking?.phase === 'thinking' && form.tools?.openings.includes(mark) === true) {
      const { thinking, content } = this.#thinking.endThinking();
      this.#split(thinking, content);
    }
    return mark;
  }

  #counted(tokens: number, take: () => boolean): boolean {
    const splitter = this.#thinking;
    if (splitter === undefined) return take();
    const before = splitter.phase;
    const isComplete = take();
    this.#undecided += tokens;
    if (splitter.phase === 'undecided' && before !== 'thinking') return isComplete;
    if (before === 'thinking' || splitter.phase === 'thinking') this.#thinkingTokens += this.#undecided;
    this.#undecided = 0;
    return isComplete;
  }

  #take(text: string): boolean {
    if (text === '') return false;
    if (this.#thinking === undefined) return this.#content(text);
    const { thinking, content } = this.#thinking.push(text);
    return this.#split(thinking, content);
  }

  #split(thinking: string, content: string): boolean {
    const { id, credit, emit } = this.#options;
    if (thinking !== '') {
      credit.spend(thinking.length);
      emit({ kind: 'thinking', id, text: thinking, tokens: this.#unsent });
      this.#unsent = 0;
    }
    return content === '' ? false : this.#content(content);
  }

  #content(text: string): boolean {
    const value = this.#json?.push(text) ?? { text, ended: false };
    const checked = this.#stops.push(value.text);
    this.#show(checked.text);
    return checked.stopped || value.ended || this.#hasOnlyCall;
  }

  /** Whether the one call that an answer may have has been made. */
  get #hasOnlyCall(): boolean {
    return this.#onlyOneCall && this.#calls > 0;
  }

  #show(text: string): void {
    if (this.#tools === undefined) this.#sendText(text);
    else this.#deliver(text === '' ? [] : this.#tools.push(text));
  }

  #deliver(pieces: readonly ToolPiece[]): void {
    const { id, emit } = this.#options;
    for (const piece of pieces) {
      if (this.#hasOnlyCall) return;
      if (piece.kind === 'text') this.#sendText(piece.text);
      else {
        this.#calls += 1;
        emit({ kind: 'tool_calls', id, calls: [piece.call] });
      }
    }
  }

  #sendText(text: string, isLast = false): void {
    if (text === '' && this.#unsent === 0 && this.#logprobs.length === 0) return;
    const { id, credit, emit } = this.#options;
    credit.spend(text.length);
    if (this.#keepsText) this.#text += text;
    const logprobs = this.#logprobs;
    // They go with the first text that is shown, so that an event never has likelihoods without its text.
    const withLogprobs = logprobs.length > 0 && (text !== '' || isLast);
    emit({ kind: 'text', id, text, tokens: this.#unsent, ...(withLogprobs ? { logprobs } : {}) });
    this.#unsent = 0;
    if (withLogprobs) this.#logprobs = [];
  }
}

const newId = (): string => `call_${randomBytes(12).toString('hex')}`;

const idLetters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

const newShortId = (): string =>
  Array.from({ length: 9 }, () => idLetters.charAt(randomInt(idLetters.length))).join('');

const splitterOf = (
  { thinking: format }: AnswerForm,
  thinking: OutputOptions['thinking'],
  hasTools: boolean,
): AnswerSplitter | undefined => {
  if (format === undefined) return undefined;
  // Channels are in every answer of models that have them, wanted or not.
  if (format.hasChannels) return new ChannelSplitter(hasTools);
  // So are these marks of some.
  const isAlwaysMarked =
    format.heads !== undefined || format.comesAgain === true || format.isUnasked === true;
  return thinking === undefined && !isAlwaysMarked
    ? undefined
    : new ThinkingSplitter(format, thinking?.isOpen ?? false);
};

const thinkingMarksOf = ({ thinking, tools }: AnswerForm): readonly string[] => {
  if (thinking === undefined) return [];
  return thinking.hasChannels ? (tools?.marks ?? []) : controlMarksOf(thinking);
};
