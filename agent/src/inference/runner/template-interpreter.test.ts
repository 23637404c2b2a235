import { describe, expect, test } from '@jest/globals';
import { parseTemplate, renderTemplate } from './template-interpreter.ts';

const at = new Date(2026, 0, 2, 15, 4, 5);

const render = (template: string, variables: Readonly<Record<string, unknown>> = {}): string =>
  renderTemplate(parseTemplate(template), variables, at);

describe('templates are read as Jinja reads them', () => {
  const schema = { type: 'array', items: { type: 'string' }, keys: 1, get: 2 };

  test.each([
    ['methods of mappings with members of the same names', '{% for k, v in s.items() %}{{ k }} {% endfor %}{{ s.keys() | length }}{{ s.get("type") }}', 'type items keys get 4array'], // prettier-ignore
    ['members of the same names', '{{ s.items.type }}{{ s["items"].type }}', 'stringstring'],
    ['loops over nothing', '{% for x in nothing %}{{ x }}{% else %}none{% endfor %}', 'none'],
    ['loops over some of nothing', '{% for x in nothing if x.y %}{{ x }}{% endfor %}.', '.'],
    ['loops over pairs', '{% for a, b in [("x", 1), ("y", 2)] if b > 1 %}{{ a }}{{ b }}{% endfor %}', 'y2'],
    ['members whose name is nothing', '{{ s[nothing] is defined }}{{ s[nothing] }}', 'false'],
    ['numbers as keys', '{% set d = {512: "a", 16: "b"} %}{{ d[512] }}{% for k, v in d | dictsort %}{{ k + 1 }}{{ v }}{% endfor %}', 'a17b513a'], // prettier-ignore
    ['lists that grow and shrink', '{% set n = namespace(l=[]) %}{% macro m() %}{% set _ = n.l.append("a") %}{% set _ = n.l.append("b") %}{% endmacro %}{{ m() }}{{ n.l.pop(0) }}{{ n.l | length }}{{ n.l.pop() }}{{ n.l.pop() is defined }}', 'a1bfalse'], // prettier-ignore
    ['places in a text', '{{ "<{}|{1}|{}>".format("a", 2) }}', '<a|2|2>'],
    ['repeated text', '{{ "ab" * 2 }}{{ "ab" * 0 }}{{ 2 * 3 }}', 'abab6'],
    ['the least and the most', '{{ [3, 1, 2] | min }}{{ [3, 1, 2] | max }}', '13'],
    [
      'a mapping as text',
      '{{ s.items | string }}{{ "a" + s.items }}',
      '{"type": "string"}a{"type": "string"}',
    ],
    ['nothing as a list', '{{ nothing | length }}{{ none | selectattr("a") | list | length }}', '00'],
    ['nothing as text', '{{ nothing | trim }}{{ "a" + nothing }}{{ nothing + "b" }}', 'ab'],
    ['the first and the last of nothing', '{% set x = [] | first | default("none") %}{{ x }}{{ ([] | last) is defined }}', 'nonefalse'], // prettier-ignore
    ['values of all kinds beside each other', '{{ "a" ~ nothing ~ none ~ 1 ~ s.items }}', 'aNone1{"type": "string"}'], // prettier-ignore
    ['conditions', '{{ nothing and nothing.x.y }}{{ 1 or nothing.x.y }}', '1'],
    ['ranges', '{{ range(2) }}{{ range(5, 1, -2) }}{{ range(1, 0) }}', '[0, 1][5, 3][]'],
    ['the time', '{{ strftime_now("%Y-%m-%d %d %b %B %y %H:%M:%S %I%p %a %A %% %q") }}', '2026-01-02 02 Jan January 26 15:04:05 03PM Fri Friday % %q'], // prettier-ignore
    ['the day and the tools by other names', '{{ datetime }}{{ functions }}', 'Jan 02 2026'],
    ['white space of blocks', 'a\n  {% if true %}\nb\n  {% endif %}\nc', 'a\nb\nc'],
  ])('%s', (_what, template, wanted) => {
    expect(render(template, { s: schema })).toBe(wanted);
  });

  test('tools by another name are JSON', () => {
    expect(render('{{ functions }}', { tools: [{ a: 1 }] })).toBe('[\n  {\n    "a": 1\n  }\n]');
  });

  test.each([
    ['{{ raise_exception("Not so.") }}', 'Not so.'],
    ['{{ "{} {}".format(1) }}', 'too few arguments'],
    ['{{ ["a"] | min }}', 'numbers only'],
    ['{{ range(1, 2, 0) }}', 'must not be zero'],
    ['{{ nothing() }}', 'not a function'],
  ])('%s fails', (template, message) => {
    expect(() => render(template)).toThrow(message);
  });
});
