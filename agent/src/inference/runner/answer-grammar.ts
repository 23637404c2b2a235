import { behindHeads, behindThinking } from '../grammar/behind-thinking.ts';
import { triggeredCallGrammar } from '../grammar/tool-call-trigger.ts';
import type { AnswerForm } from './answer-form.ts';
import type { Job } from './protocol.ts';

/**
 * The grammar an answer follows, written as the model's family has calls and thinking: what must be JSON or calls may
 * come behind what the model thinks, and a call that is only allowed is whole once it has begun.
 * @param thinking whether the answer begins inside the model's thinking; undefined: it does not think
 * @returns GBNF; undefined: the answer is free
 * @throws ApiError invalid_format for parameters of a tool that cannot be enforced
 */
export const answerGrammar = async (
  job: Job,
  form: AnswerForm,
  thinking: { readonly isOpen: boolean } | undefined,
): Promise<string | undefined> => {
  const calls = requiredCalls(job);
  const free = job.grammar === undefined;
  const own = free
    ? allowedCalls(job, form)
    : calls === undefined
      ? job.grammar
      : await callGrammar(calls, job.grammar, form);
  // A grammar that a client has written is for the whole answer.
  const isOurs = free || calls !== undefined || job.endsWithJson;
  if (own === undefined || !isOurs || form.thinking === undefined) return own;
  const { open, close, hasChannels, head } = form.thinking;
  // Calls stand outside of what a head is before, and a free answer has it anyway.
  const heads = head === undefined || free || calls !== undefined ? [] : [head.first, head.next];
  if (hasChannels)
    return free
      ? own
      : behindThinking(own, {
          open,
          close,
          between: '<|start|>assistant',
          before: calls === undefined ? '<|channel|>final<|message|>' : '',
          mayEnd: false,
        });
  if (thinking === undefined) return heads.length === 0 ? own : behindHeads(own, heads);
  // What is thought begins like what is said: Muse has a blank before both.
  const opening = head?.first.startsWith(' ') === true ? ` ${open}` : open;
  return behindThinking(own, {
    open: thinking.isOpen ? '' : opening,
    close,
    between: undefined,
    before: '',
    heads,
    mayEnd: free,
  });
};

/** A model that chooses freely may speak of a call in its thinking, and in any channel but that for calls. */
const allowedCalls = ({ input }: Job, { tools: format }: AnswerForm): string | undefined =>
  input.kind === 'chat' && input.tools.length > 0 && input.toolChoice === 'auto' && format !== undefined
    ? triggeredCallGrammar({
        names: input.tools.map(({ name }) => name),
        parallel: input.parallelToolCalls,
        syntax: format.syntax,
        openings: format.openings,
      })
    : undefined;

type ChatJob = Extract<Job['input'], { kind: 'chat' }>;

const requiredCalls = ({ input }: Job): ChatJob | undefined =>
  input.kind === 'chat' &&
  input.tools.length > 0 &&
  input.toolChoice !== 'auto' &&
  input.toolChoice !== 'none'
    ? input
    : undefined;

/** The agent does not know the template inside the file: what it has checked is written as Hermes has it. */
const callGrammar = async (
  { tools, toolChoice, parallelToolCalls }: ChatJob,
  asHermes: string,
  form: AnswerForm,
): Promise<string> => {
  if (form.tools === undefined || form.tools.name === 'hermes') return asHermes;
  // Loaded when it is needed: few runners ever do.
  const { toolCallGrammar } = await import('../grammar/tool-call-grammar.ts');
  const named = typeof toolChoice === 'object';
  return toolCallGrammar({
    tools: named ? tools.filter(({ name }) => name === toolChoice.name) : tools,
    parallel: !named && parallelToolCalls,
    syntax: form.tools.syntax,
  });
};
