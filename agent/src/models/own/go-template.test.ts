import { expect, test } from '@jest/globals';
import { isGoTemplate } from './go-template.ts';

test.each([
  '{{ .Prompt }}',
  '{{- if .System }}{{ .System }}{{ end }}{{ .Prompt }}',
  '{{- range $i, $_ := .Messages }}{{ end }}',
  '{{ $last := 1 }}',
  'text {{ range .Messages }}x{{ end }}',
])('%j is one of Go', (template) => {
  expect(isGoTemplate(template)).toBe(true);
});

test.each([
  '',
  'no actions at all',
  "{{ messages[0]['content'] }}",
  '{% for message in messages %}{{ message.content }}{% endfor %}',
  "{{- bos_token }}{%- if tools %}{{ '.Prompt' }}{% endif %}",
  '{{ ifx }}',
])('%j is none of Go', (template) => {
  expect(isGoTemplate(template)).toBe(false);
});
