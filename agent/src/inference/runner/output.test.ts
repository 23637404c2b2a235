import { describe, expect, test } from '@jest/globals';
import { tools } from '../tool-formats/tool-calls.fixture.ts';
import { answerFormOf } from './answer-form.ts';
import { Credit } from './credit.ts';
import { greedySampling } from './greedy-sampling.ts';
import { Output } from './output.ts';
import type { Job, JobEvent } from './protocol.ts';

type ChatInput = Extract<Job['input'], { kind: 'chat' }>;

/** Letters are tokens; what stands in `controls` is one control token each. */
const vocabulary = (controls: readonly string[]) => {
  const first = 0x20000;
  const tokensOf = (text: string): number[] => {
    const tokens: number[] = [];
    for (let rest = text; rest !== '';) {
      const control = controls.findIndex((mark) => rest.startsWith(mark));
      const letter = String.fromCodePoint(rest.codePointAt(0) ?? 0);
      tokens.push(control < 0 ? (letter.codePointAt(0) ?? 0) : first + control);
      rest = rest.slice(controls[control]?.length ?? letter.length);
    }
    return tokens;
  };
  const textOf = (token: number, special: boolean): string =>
    token < first ? String.fromCodePoint(token) : special ? (controls[token - first] ?? '') : '';
  return {
    tokensOf,
    model: {
      detokenize: (tokens: readonly number[], _before: readonly number[], special: boolean) =>
        tokens.map((token) => textOf(token, special)).join(''),
      bytesOf: (token: number) => [...Buffer.from(textOf(token, false))],
    },
  };
};

interface Given {
  readonly template: string;
  readonly answer: string;
  readonly controls?: readonly string[];
  readonly input?: Partial<ChatInput>;
  /** Whether the prompt has begun the thinking; undefined: it is not asked for. */
  readonly isOpen?: boolean;
  readonly stop?: readonly string[];
  readonly wantsContext?: boolean;
}

const told = ({
  template,
  answer,
  controls = [],
  input = {},
  isOpen,
  stop = [],
  wantsContext = false,
}: Given) => {
  const { tokensOf, model } = vocabulary(controls);
  const events: JobEvent[] = [];
  const job: Job = {
    input: {
      kind: 'chat',
      messages: [],
      tools,
      toolChoice: 'auto',
      parallelToolCalls: true,
      template,
      think: undefined,
      plain: undefined,
      context: [],
      ...input,
    },
    sampling: { ...greedySampling, stop },
    grammar: undefined,
    endsWithJson: false,
    truncate: false,
    keepOnShift: undefined,
    tenant: '',
    wantsContext,
    creditWindow: 1000,
    renderTimeoutMs: 1000,
  };
  const output = new Output({
    id: 1,
    job,
    model,
    thinking: isOpen === undefined ? undefined : { isOpen },
    form: answerFormOf(template),
    credit: new Credit(1000, () => undefined),
    emit: (event) => events.push(event),
  });
  const tokens = tokensOf(answer);
  let count = 0;
  for (const token of tokens) {
    count += 1;
    if (output.push({ token, isEnd: false })) break;
  }
  output.flush();
  const joined = (kind: 'text' | 'thinking'): string =>
    events.map((event) => (event.kind === kind && 'text' in event ? event.text : '')).join('');
  return {
    text: joined('text'),
    thinking: joined('thinking'),
    calls: events.flatMap((event) => (event.kind === 'tool_calls' ? event.calls : [])),
    ids: events.flatMap((event) => (event.kind === 'tool_calls' ? event.calls.map(({ id }) => id) : [])),
    thinkingTokens: output.thinkingTokens,
    tokensRead: count,
    tokens: tokens.length,
    kept: output.text,
  };
};

const now = { name: 'now', arguments: {} };
const harmony = '<|channel|><|message|>';
const harmonyMarks = ['<|channel|>', '<|message|>', '<|start|>', '<|end|>', '<|call|>', '<|constrain|>'];

describe('control tokens', () => {
  const marks = ['<｜tool▁calls▁begin｜>', '<｜tool▁call▁begin｜>', '<｜tool▁sep｜>', '<｜tool▁call▁end｜>', '<｜tool▁calls▁end｜>']; // prettier-ignore
  const template = '<｜tool▁calls▁begin｜>```json';
  const written = `A${marks[0]}${marks[1]}function${marks[2]}now\n\`\`\`json\n{}\n\`\`\`${marks[3]}${marks[4]}`;

  test('of the family are read as marks of a call', () => {
    expect(told({ template, answer: written, controls: marks })).toMatchObject({ text: 'A', calls: [now] });
  });

  test('of the family are not seen around what is no call, and others never', () => {
    const answer = `A${marks[0]}<|other|>B${marks[2]}C`;
    expect(told({ template, answer, controls: [...marks, '<|other|>'] }).text).toBe('ABC');
  });

  test('that say nothing are not seen without tools either', () => {
    const answer = '<|START_RESPONSE|>Hello<|END_RESPONSE|>';
    expect(told({ template: '<|START_ACTION|>', answer, input: { tools: [] } }).text).toBe('Hello');
  });

  const k3 = ['<|open|>', '<|close|>', '<|sep|>'];
  const kimi = `${k3.join('')}<|end_of_msg|>'think'`;
  const said = '<|open|>response<|sep|>b<|close|>response<|sep|><|close|>message<|sep|>';

  test.each([
    ['Kimi K3', kimi, k3, `a<|close|>think<|sep|>${said}`, true],
    ['Kimi K3 without the end of its thinking', kimi, k3, `a${said}`, true],
    ['Gemma 4', '<|tool_call><|channel>thought', ['<|channel>', '<channel|>'], '<|channel>thought\na<channel|>b<|channel>thought\n<channel|><channel|>', false], // prettier-ignore
    ['Solar', '<|begin|>assistant<|think|><|tool_call:begin|>', ['<|think|>', '<|end|>', '<|begin|>', '<|content|>'], '<|think|>a<|end|><|begin|>assistant<|content|>b<|end|>', false], // prettier-ignore
    ['Muse', ' to=self<|message|><|eom|>', ['<|start|>', '<|message|>', '<|eom|>'], ' to=self<|message|>a<|eom|><|start|>assistant to=user<|message|>b', false], // prettier-ignore
  ])(
    'part thinking and answer of %s, with tools and without',
    (_name, template, controls, answer, isOpen) => {
      for (const input of [{}, { tools: [] }]) {
        const { thinking, text } = told({ template, answer, controls, isOpen, input });
        expect([thinking.trim(), text]).toEqual(['a', 'b']);
      }
    },
  );

  test('before an answer are not seen where no thinking is asked for', () => {
    const controls = ['<|start|>', '<|message|>', '<|eom|>'];
    const template = ' to=self<|message|><|eom|>';
    const answer = ' to=user<|message|>b';
    expect(told({ template, answer, controls, input: { tools: [], think: false } }).text).toBe('b');
  });

  test('that a model writes although no thinking is asked for is not its answer', () => {
    const answer = 'Here are my reasoning steps:\na\n[BEGIN FINAL RESPONSE]\nb';
    const input = { tools: [], think: false } as const;
    const { thinking, text } = told({ template: '[BEGIN FINAL RESPONSE]', answer, input });
    expect([thinking.trim(), text]).toEqual(['a', 'b']);
  });

  test('of a call end thinking that has no end of its own', () => {
    const answer = `Hm. ${written.slice(1)}`;
    expect(told({ template: `<think>${template}`, answer, controls: marks, isOpen: true })).toMatchObject({
      thinking: 'Hm.',
      text: '',
      calls: [now],
    });
  });
});

describe('thinking tokens', () => {
  test.each([
    ['with the marks around them', '<think>ab</think>cd', false, 17],
    ['from the beginning where the prompt has begun', 'ab</think>cd', true, 10],
    ['none without thinking', 'cd<think>', false, 0],
    ['none where the mark does not become one', '<thin', false, 0],
  ])('%s', (_name, answer, isOpen, thinkingTokens) => {
    expect(told({ template: '<think>', answer, isOpen }).thinkingTokens).toBe(thinkingTokens);
  });

  test('marks that are tokens count as one', () => {
    const controls = ['<think>', '</think>'];
    expect(
      told({ template: '<think>', answer: '<think>ab</think>cd', controls, isOpen: false }),
    ).toMatchObject({
      thinking: 'ab',
      text: 'cd',
      thinkingTokens: 4,
    });
  });

  test('marks that are tokens are not seen behind the thinking either', () => {
    const controls = ['<think>', '</think>'];
    const answer = '<think>a</think>b</think>c';
    expect(told({ template: '<tool_call><think>', answer, controls, isOpen: false }).text).toBe('bc');
  });

  test('are unknown for models that do not think aloud', () => {
    expect(told({ template: 'x', answer: 'ab' }).thinkingTokens).toBeUndefined();
  });

  test('of a channel are counted with its header', () => {
    const answer = '<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>final<|message|>Yes';
    expect(told({ template: harmony, answer, controls: harmonyMarks })).toMatchObject({
      thinking: 'Hm',
      text: 'Yes',
      thinkingTokens: 1 + 8 + 1 + 2 + 1,
    });
  });
});

describe('channels', () => {
  test('lead to calls with what was thought before', () => {
    const answer =
      '<|channel|>analysis<|message|>Hm<|end|><|start|>assistant<|channel|>commentary to=functions.now <|constrain|>json<|message|>{}';
    expect(told({ template: harmony, answer, controls: harmonyMarks })).toMatchObject({
      thinking: 'Hm',
      text: '',
      calls: [now],
    });
  });

  test('are parted even when no thinking is asked for', () => {
    const answer = '<|channel|>final<|message|>Yes';
    expect(
      told({ template: harmony, answer, controls: harmonyMarks, input: { tools: [], think: false } }).text,
    ).toBe('Yes');
  });
});

describe('calls', () => {
  const two = '<tool_call>{"name":"now"}</tool_call>\n<tool_call>{"name":"now"}</tool_call>';

  test('are one at most when they are not to be parallel, and the answer ends with it', () => {
    const all = told({ template: '<tool_call>', answer: two });
    expect(all.calls).toHaveLength(2);
    const one = told({ template: '<tool_call>', answer: two, input: { parallelToolCalls: false } });
    expect(one).toMatchObject({ text: '', calls: [now], tokensRead: two.indexOf('\n') });
  });

  test('of a list that comes at once are one at most as well', () => {
    const answer = '[TOOL_CALLS][{"name":"now"},{"name":"now"}]';
    expect(
      told({ template: '[TOOL_CALLS]', answer, input: { parallelToolCalls: false } }).calls,
    ).toHaveLength(1);
  });

  test('have ids that the template of the family takes back', () => {
    const [short] = told({ template: '[TOOL_CALLS]', answer: '[TOOL_CALLS][{"name":"now"}]' }).ids;
    expect(short).toMatch(/^[A-Za-z0-9]{9}$/);
    const [long] = told({ template: '<tool_call>', answer: two }).ids;
    expect(long).toMatch(/^call_[0-9a-f]{24}$/);
  });

  test('are text where there are no tools', () => {
    expect(told({ template: '<tool_call>', answer: two, input: { tools: [] } })).toMatchObject({
      text: two,
      calls: [],
    });
  });
});

describe('the text that was shown', () => {
  test('is kept only where a stop sequence may have cut an answer whose tokens are wanted', () => {
    const given = { template: 'x', answer: 'abcd', input: { tools: [] } };
    expect(told({ ...given, stop: ['c'], wantsContext: true })).toMatchObject({ text: 'ab', kept: 'ab' });
    expect(told({ ...given, stop: ['c'] })).toMatchObject({ text: 'ab', kept: '' });
    expect(told({ ...given, wantsContext: true })).toMatchObject({ text: 'abcd', kept: '' });
  });
});
