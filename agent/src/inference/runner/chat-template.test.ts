import { describe, expect, test } from '@jest/globals';
import { RenderTime, TemplateRefusal, TemplateRenderer } from './chat-template.ts';
import { renderAccepted } from './template-concessions.ts';

const failureOf = (rendering: Promise<string>): Promise<unknown> =>
  rendering.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('TemplateRenderer', () => {
  test('tells what a template refuses from what is wrong with it', async () => {
    const renderer = new TemplateRenderer();
    const of = (template: string): Promise<unknown> =>
      failureOf(renderer.render(template, {}, new RenderTime(10_000)));
    expect(await of('{{ raise_exception("Not so.") }}')).toBeInstanceOf(TemplateRefusal);
    for (const wrong of ['{% if %}', '{{ nothing() }}', '{{ "x" * 60000000 }}']) {
      const failure = await of(wrong);
      expect(failure).not.toBeInstanceOf(TemplateRefusal);
      expect(failure).toMatchObject({ code: 'template_failed' });
    }
  });

  test('gives all ways to put a conversation one time together', async () => {
    const renderer = new TemplateRenderer();
    const slow =
      '{% set n = namespace(i=0) %}{% for i in range(200000) %}{% set n.i = i %}{% endfor %}{{ raise_exception("no") }}';
    // The first time takes longer.
    await failureOf(renderer.render(slow, {}, new RenderTime(60_000)));
    const once = new RenderTime(60_000);
    await failureOf(renderer.render(slow, {}, once));
    const spentMs = 60_000 - once.leftMs;
    expect(spentMs).toBeGreaterThan(0);
    const time = new RenderTime(spentMs * 2);
    let times = 0;
    const messages = ['system', 'user', 'user', 'system', 'user', 'assistant', 'assistant'].map((role) => ({
      role: role as 'system' | 'user' | 'assistant',
      content: role,
    }));
    const late = renderAccepted([...messages, { role: 'tool', content: '!', toolCallId: '1' }], false, () => {
      times += 1;
      return renderer.render(slow, {}, time);
    });
    await expect(late).rejects.toThrow('did not finish within');
    expect(times).toBeLessThan(10);
    const failure = await failureOf(renderer.render('x', {}, time));
    expect(failure).toMatchObject({ code: 'template_failed' });
  });
});
