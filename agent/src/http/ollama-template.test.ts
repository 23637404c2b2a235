import { describe, expect, test } from '@jest/globals';
import { Template } from '@huggingface/jinja';
import { toJinja } from './ollama-template.ts';

const render = (template: string, system: string | undefined): string =>
  new Template(toJinja(template)).render({
    messages: [
      ...(system === undefined ? [] : [{ role: 'system', content: system }]),
      { role: 'user', content: 'Hi' },
    ],
  });

describe('toJinja', () => {
  test.each([
    'plain text',
    "{% for m in messages %}{{ m['content'] }}{% endfor %}",
    '{{ messages[0].content }}',
    '{{- bos_token }}',
  ])('leaves %j as it is', (template) => {
    expect(toJinja(template)).toBe(template);
  });

  const chatMl =
    '{{ if .System }}<|im_start|>system\n{{ .System }}<|im_end|>\n{{ end }}{{ if .Prompt }}<|im_start|>user\n{{ .Prompt }}<|im_end|>\n{{ end }}<|im_start|>assistant\n{{ .Response }}<|im_end|>\n';
  test.each<[string, string, string, string]>([
    ['the prompt alone', '{{ .Prompt }}', 'Hi', 'Hi'],
    ['blanks that are cut', '[ {{- .Prompt -}} \n ]', '[Hi]', '[Hi]'],
    ['quotes and line breaks', '"\\\n{{.System}}\n{{.Prompt}}\'', '"\\\nS\nHi\'', '"\\\n\nHi\''],
    ['an else', '{{ if .System }}s{{ else }}n{{ end }}{{ .Prompt }}', 'sHi', 'nHi'],
    [
      'ChatML',
      chatMl,
      '<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
      '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n',
    ],
  ])('puts %s together as Go does', (_what, template, withSystem, without) => {
    expect(render(template, 'S')).toBe(withSystem);
    expect(render(template, undefined)).toBe(without);
  });

  test.each([
    '{{ range .Messages }}{{ .Role }}{{ end }}',
    '{{ if eq .System "x" }}{{ end }}',
    '{{ if .System }}',
    '{{ .Prompt }}{{ end }}',
    '{{ if .Tools }}x{{ end }}{{ .Prompt }}',
    '{{ if .System }}{{ .Response }}{{ end }}',
    '{{ $x := .Prompt }}',
    '{{ .Prompt',
    '{{ .Prompt }}{{ .System',
  ])('refuses %j with what to do', (template) => {
    expect(() => toJinja(template)).toThrow(/send a Jinja template, or a finished prompt with raw: true/);
  });
});
