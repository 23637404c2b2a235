import { randomBytes } from 'node:crypto';
import type { TokenLogprob } from '@ollamamax/api';
import type { Credit } from './credit.ts';
import { JsonEnd } from './json-end.ts';
import type { LoadedModel } from './loaded-model.ts';
import type { Job, JobEvent } from './protocol.ts';
import type { SampledToken } from './step-backend.ts';
import { StopMatcher } from './stop-matcher.ts';
import { TextAssembler } from './text-assembler.ts';
import { ThinkingSplitter } from './thinking-splitter.ts';
import { ToolCallParser, type ToolPiece } from './tool-call-parser.ts';

export interface OutputOptions {
  readonly id: number;
  readonly job: Job;
  readonly model: LoadedModel;
  /** Whether the answer begins inside the model's thinking; undefined: the model does not think. */
  readonly thinking: { readonly isOpen: boolean } | undefined;
  readonly credit: Credit;
  readonly emit: (event: JobEvent) => void;
}

/** From tokens to events: characters, thinking, end of a JSON value, stop strings, tool calls. */
export class Output {
  readonly #options: OutputOptions;
  readonly #assembler: TextAssembler;
  readonly #thinking: ThinkingSplitter | undefined;
  readonly #stops: StopMatcher;
  readonly #json: JsonEnd | undefined;
  readonly #tools: ToolCallParser | undefined;
  #calls = 0;
  #text = '';
  /** Tokens and their likelihoods that no event has told of yet. */
  #unsent = 0;
  #logprobs: TokenLogprob[] = [];

  constructor(options: OutputOptions) {
    this.#options = options;
    const { job, model, thinking } = options;
    const hasTools = job.input.kind === 'chat' && job.input.tools.length > 0;
    this.#tools = hasTools ? new ToolCallParser(() => `call_${randomBytes(12).toString('hex')}`) : undefined;
    // The marks around thinking and calls are control tokens in some vocabularies.
    const showsMarks = hasTools || thinking !== undefined;
    this.#assembler = new TextAssembler((tokens, before) => model.detokenize(tokens, before, showsMarks));
    this.#thinking = thinking === undefined ? undefined : new ThinkingSplitter(thinking.isOpen);
    this.#stops = new StopMatcher(job.sampling.stop);
    this.#json = job.endsWithJson ? new JsonEnd() : undefined;
  }

  /** Tool calls so far. */
  get calls(): number {
    return this.#calls;
  }

  /** What was shown of the answer. */
  get text(): string {
    return this.#text;
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
    return this.#take(this.#assembler.push(token));
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
    return checked.stopped || value.ended;
  }

  #show(text: string): void {
    if (this.#tools === undefined) this.#sendText(text);
    else this.#deliver(text === '' ? [] : this.#tools.push(text));
  }

  #deliver(pieces: readonly ToolPiece[]): void {
    const { id, emit } = this.#options;
    for (const piece of pieces) {
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
    this.#text += text;
    const logprobs = this.#logprobs;
    // They go with the first text that is shown, so that an event never has likelihoods without its text.
    const withLogprobs = logprobs.length > 0 && (text !== '' || isLast);
    emit({ kind: 'text', id, text, tokens: this.#unsent, ...(withLogprobs ? { logprobs } : {}) });
    this.#unsent = 0;
    if (withLogprobs) this.#logprobs = [];
  }
}
