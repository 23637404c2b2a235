import { describe, expect, test } from '@jest/globals';
import type { ChatMessage } from '@ollamamax/api';
import { compileGrammar } from '../grammar/grammar-engine.fixture.ts';
import { jsonGrammar } from '../grammar/json-rules.ts';
import { answerFormOf } from './answer-form.ts';
import { answerGrammar } from './answer-grammar.ts';
import { TemplateRenderer } from './chat-template.ts';
import { greedySampling } from './greedy-sampling.ts';
import { renderChat } from './prompt.ts';
import type { Job, JobInput } from './protocol.ts';

const muse = "{{ '<|start|>assistant' }}{# to=self<|message|><|eom|> #}";
const solar = "{{ '<|begin|>assistant' }}{# <|begin|>assistant<|think|> #}";
const kimi = "{{ '<|open|>message<|sep|>' }}{# <|close|> <|end_of_msg|> 'think' #}";
const openKimi = kimi.replace('message<|sep|>', 'think<|sep|>');
const headedSolar = solar.replace("assistant'", "assistant<|content|>'");

const messages: readonly ChatMessage[] = [
  { role: 'user', content: 'Q' },
  { role: 'assistant', content: '{"a"' },
];

const inputOf = (template: string): Extract<JobInput, { kind: 'chat' }> => ({
  kind: 'chat',
  messages,
  tools: [],
  toolChoice: 'auto',
  parallelToolCalls: true,
  template,
  think: undefined,
  plain: undefined,
  context: [],
});

const jobOf = (template: string): Job => ({
  input: inputOf(template),
  sampling: greedySampling,
  grammar: jsonGrammar,
  endsWithJson: true,
  truncate: false,
  keepOnShift: undefined,
  tenant: '',
  wantsContext: false,
  creditWindow: 1000,
  renderTimeoutMs: 10_000,
});

describe('what a family writes before an answer', () => {
  test.each([
    ['Muse', muse, '<|start|>assistant to=user<|message|>{"a"'],
    ['Solar', solar, '<|begin|>assistant<|content|>{"a"'],
    ['Solar, by the template', headedSolar, '<|begin|>assistant<|content|>{"a"'],
    ['Kimi K3', kimi, '<|open|>message<|sep|><|open|>response<|sep|>{"a"'],
    [
      'Kimi K3, behind thinking that the template begins',
      openKimi,
      '<|open|>think<|sep|><|close|>think<|sep|><|open|>response<|sep|>{"a"',
    ],
    ['no others', "{{ 'A: <think>' }}", 'A: <think></think>\n\n{"a"'],
  ])('is before one that the client has begun: %s', async (_name, template, wanted) => {
    const model = { chatTemplate: undefined, bosText: '', eosText: '', controlTexts: [] };
    const context = { job: jobOf(template), model, renderer: new TemplateRenderer() };
    const { pieces } = await renderChat(context, inputOf(template));
    expect(pieces.join('')).toBe(wanted);
  });

  test.each([
    ['Muse', muse, ' to=user<|message|>', ' to=self<|message|>a<|eom|><|start|>assistant to=user<|message|>'],
    ['Solar', solar, '<|content|>', '<|think|>a<|end|><|begin|>assistant<|content|>'],
    ['Kimi K3', kimi, '<|open|>response<|sep|>', '<|open|>think<|sep|>a<|close|>think<|sep|><|open|>response<|sep|>'], // prettier-ignore
  ])('may be before one that must be JSON: %s', async (_name, template, first, behind) => {
    const form = answerFormOf(template);
    const grammar = async (thinking: { readonly isOpen: boolean } | undefined) =>
      compileGrammar((await answerGrammar(jobOf(template), form, thinking))!);
    const thinks = await grammar({ isOpen: false });
    const told = [`${first}{"a": 1}`, `${behind}{"a": 1}`, '{"a": 1}'];
    expect(told.map(thinks)).toEqual([true, true, true]);
    expect([`${first}a`, `x${first}{"a": 1}`].map(thinks)).toEqual([false, false]);
    const plain = await grammar(undefined);
    expect([`${first}{"a": 1}`, '{"a": 1}', 'a'].map(plain)).toEqual([true, true, false]);
  });
});
