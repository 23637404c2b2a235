import { describe, expect, test } from '@jest/globals';
import { toRequest, type Turn } from './conversation.ts';

const turn = (role: Turn['role'], content: string): Turn => ({ id: 1, role, content, state: 'done' });

describe('toRequest', () => {
  test('sends only what was set and said', () => {
    expect(
      toRequest({ model: 'm', system: ' ', temperature: '', maxTokens: 'x' }, [
        turn('user', 'a'),
        turn('assistant', ''),
        turn('user', 'b'),
      ]),
    ).toEqual({
      model: 'm',
      messages: [
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
      ],
      stream: true,
      options: {},
    });
  });

  test('puts the system prompt first and names options as Ollama does', () => {
    expect(
      toRequest({ model: 'm', system: 'short', temperature: '0', maxTokens: '20' }, [turn('user', 'a')]),
    ).toMatchObject({
      messages: [
        { role: 'system', content: 'short' },
        { role: 'user', content: 'a' },
      ],
      options: { temperature: 0, num_predict: 20 },
    });
  });
});
