import * as jinja from '@huggingface/jinja';

/** A value of a template, as the package has them. */
interface Value {
  readonly type: string;
  readonly value: unknown;
  /** Methods. */
  readonly builtins: ReadonlyMap<string, Value>;
  toString(): string;
}

interface Scope {
  /** @returns the value of a template that this is */
  set(name: string, value: unknown): Value;
}

interface BaseInterpreter {
  /** @returns undefined for the first and the last of nothing */
  evaluate(node: unknown, scope: Scope): Value | undefined;
  run(program: Program): Value;
}

/** A template that was read. */
export interface Program {
  readonly type: 'Program';
}

/** The package's own declarations lead nowhere: they name each other as Node does not take it. */
const { Environment, Interpreter, parse, tokenize } = jinja as unknown as {
  readonly Environment: new () => Scope;
  readonly Interpreter: new (scope: Scope) => BaseInterpreter;
  readonly parse: (tokens: unknown) => Program;
  readonly tokenize: (
    source: string,
    options: { readonly lstrip_blocks: boolean; readonly trim_blocks: boolean },
  ) => unknown;
};

/** What is read here of the nodes of a template, whichever they are. */
interface AnyNode {
  readonly type: string;
  readonly value: unknown;
  readonly callee: AnyNode;
  readonly args: readonly AnyNode[];
  readonly object: AnyNode;
  readonly property: AnyNode;
  readonly computed: boolean;
  readonly loopvar: AnyNode;
  readonly iterable: AnyNode;
  readonly lhs: AnyNode;
  readonly operand: AnyNode;
  readonly filter: AnyNode;
  readonly operator: { readonly value: string };
  readonly left: AnyNode;
  readonly right: AnyNode;
}

/** Stands for a node whose value is known already, so that nothing is evaluated twice. */
interface Evaluated {
  readonly type: 'Evaluated';
  readonly evaluated: Value;
}

const evaluated = (value: Value): Evaluated => ({ type: 'Evaluated', evaluated: value });

const isEvaluated = (node: { readonly type: string } | undefined): node is Evaluated =>
  node?.type === 'Evaluated';

const valueOf = (input: unknown): Value => new Environment().set('value', input);

/** A list of values that are values of templates already. */
const listOf = (items: readonly Value[]): Value => {
  const list = valueOf([]);
  itemsOf(list).push(...items);
  return list;
};

const itemsOf = (value: Value): Value[] => (isList(value) ? (value.value as Value[]) : []);

const isList = ({ type }: Value): boolean => type === 'ArrayValue' || type === 'TupleValue';

const isMapping = ({ type }: Value): boolean => type === 'ObjectValue';

const isText = ({ type }: Value): boolean => type === 'StringValue';

const isUndefined = ({ type }: Value): boolean => type === 'UndefinedValue';

const isMissing = (value: Value): boolean => isUndefined(value) || value.type === 'NullValue';

/** Entries of a mapping; its keys are numbers where the template has them so. */
const entriesOf = (value: Value): Map<string | number, Value> => value.value as Map<string | number, Value>;

/** Where a text is wanted, nothing is an empty one. */
const textFilters = new Set(['trim', 'lower', 'upper', 'title', 'capitalize', 'replace', 'string']);

/** Where a list is wanted, likewise. */
const listFilters = new Set([
  'selectattr',
  'rejectattr',
  'select',
  'reject',
  'map',
  'list',
  'length',
  'join',
]);

/**
 * Interprets templates as Jinja does, where the package does not: methods of mappings that have members of the same
 * names, loops over nothing and over pairs, numbers as keys, and a few methods and filters.
 */
class TemplateInterpreter extends Interpreter {
  override evaluate(node: unknown, scope: Scope): Value {
    const known = node as AnyNode | Evaluated | undefined;
    if (isEvaluated(known)) return known.evaluated;
    switch (known?.type) {
      case 'CallExpression':
        return this.#call(known, scope);
      case 'MemberExpression':
        return this.#member(known, scope);
      case 'FilterExpression':
        return this.#filter(known, scope);
      case 'For':
        return this.#loop(known, scope);
      case 'ObjectLiteral':
        return this.#mapping(known, scope);
      case 'BinaryExpression':
        return this.#operation(known, scope);
      default:
        return super.evaluate(node, scope) ?? valueOf(undefined);
    }
  }

  /** As the package has it, with parts that are evaluated already. */
  #asUsual(node: AnyNode, parts: Readonly<Record<string, unknown>>, scope: Scope): Value {
    return super.evaluate({ ...node, ...parts }, scope) ?? valueOf(undefined);
  }

  #call(node: AnyNode, scope: Scope): Value {
    const { callee } = node;
    if (callee.type !== 'MemberExpression' || callee.computed) return this.#asUsual(node, {}, scope);
    const object = this.evaluate(callee.object, scope);
    const name = String(callee.property.value);
    const method = isMapping(object) ? object.builtins.get(name) : undefined;
    if (method !== undefined) return this.#asUsual(node, { callee: evaluated(method) }, scope);
    const args = (): Value[] => node.args.map((arg) => this.evaluate(arg, scope));
    if (isList(object) && name === 'append') {
      itemsOf(object).push(...args());
      return valueOf(null);
    }
    if (isList(object) && name === 'pop') {
      const at = Number(args()[0]?.value ?? -1);
      return itemsOf(object).splice(at, 1)[0] ?? valueOf(undefined);
    }
    if (isText(object) && name === 'format') return valueOf(formatted(String(object.value), args()));
    return this.#asUsual(node, { callee: { ...callee, object: evaluated(object) } }, scope);
  }

  #member(node: AnyNode, scope: Scope): Value {
    if (!node.computed || node.property.type === 'SliceExpression') return this.#asUsual(node, {}, scope);
    const object = this.evaluate(node.object, scope);
    const property = this.evaluate(node.property, scope);
    if (isUndefined(property)) return property;
    if (isMapping(object) && property.type === 'IntegerValue')
      return entriesOf(object).get(Number(property.value)) ?? valueOf(undefined);
    const parts = { object: evaluated(object), property: evaluated(property) };
    return this.#asUsual(node, parts, scope);
  }

  #filter(node: AnyNode, scope: Scope): Value {
    const name = String(node.filter.value ?? node.filter.callee.value);
    const operand = this.evaluate(node.operand, scope);
    if (isMissing(operand) && listFilters.has(name))
      return this.#asUsual(node, { operand: evaluated(listOf([])) }, scope);
    if (isUndefined(operand) && textFilters.has(name))
      return this.#asUsual(node, { operand: evaluated(valueOf('')) }, scope);
    if (isMapping(operand) && name === 'string') return valueOf(operand.toString());
    if (isMapping(operand) && name === 'dictsort' && hasNumbers(operand)) return byNumber(operand);
    if (isList(operand) && (name === 'min' || name === 'max')) return extreme(operand, name);
    return this.#asUsual(node, { operand: evaluated(operand) }, scope);
  }

  #loop(node: AnyNode, scope: Scope): Value {
    const isFiltered = node.iterable.type === 'SelectExpression';
    const items = this.evaluate(isFiltered ? node.iterable.lhs : node.iterable, scope);
    const source = evaluated(
      isUndefined(items)
        ? listOf([])
        : node.loopvar.type === 'TupleLiteral' && isList(items)
          ? listOf(itemsOf(items).map((item) => (item.type === 'TupleValue' ? listOf(itemsOf(item)) : item)))
          : items,
    );
    const iterable = isFiltered ? { ...node.iterable, lhs: source } : source;
    return this.#asUsual(node, { iterable }, scope);
  }

  #mapping(node: AnyNode, scope: Scope): Value {
    const pairs = [...(node.value as ReadonlyMap<AnyNode, AnyNode>)];
    if (!pairs.some(([key]) => key.type === 'IntegerLiteral')) return this.#asUsual(node, {}, scope);
    const mapping = valueOf({});
    for (const [key, value] of pairs) {
      const name = this.evaluate(key, scope).value as string | number;
      entriesOf(mapping).set(name, this.evaluate(value, scope));
    }
    return mapping;
  }

  #operation(node: AnyNode, scope: Scope): Value {
    const { value: operator } = node.operator;
    if (operator !== '+' && operator !== '*' && operator !== '~') return this.#asUsual(node, {}, scope);
    const left = this.evaluate(node.left, scope);
    const right = this.evaluate(node.right, scope);
    if (operator === '~') return valueOf(asText(left) + asText(right));
    const result = operator === '+' ? joined(left, right) : repeated(left, right);
    return result === undefined
      ? this.#asUsual(node, { left: evaluated(left), right: evaluated(right) }, scope)
      : valueOf(result);
  }
}

/** Text and what is written as nothing or, as the arguments of a call where they are to be text, as JSON. */
const joined = (left: Value, right: Value): string | undefined => {
  if (isText(left) && (isMapping(right) || isUndefined(right)))
    return String(left.value) + (isUndefined(right) ? '' : right.toString());
  return isUndefined(left) && isText(right) ? String(right.value) : undefined;
};

/** As `~` writes a value of any kind. */
const asText = (value: Value): string => {
  if (isUndefined(value)) return '';
  return value.type === 'NullValue' ? 'None' : value.toString();
};

const repeated = (text: Value, count: Value): string | undefined =>
  isText(text) && count.type === 'IntegerValue'
    ? String(text.value).repeat(Math.max(0, Number(count.value)))
    : undefined;

/** Values in the places of a text that are marked by braces. */
const formatted = (text: string, args: readonly Value[]): string => {
  let next = 0;
  return text.replace(/\{(\d*)\}/g, (_place, index: string) => {
    const value = args[index === '' ? next++ : Number(index)];
    if (value === undefined) throw new Error('format() has too few arguments');
    return value.toString();
  });
};

const hasNumbers = (mapping: Value): boolean =>
  [...entriesOf(mapping).keys()].some((key) => typeof key === 'number');

const byNumber = (mapping: Value): Value =>
  listOf(
    [...entriesOf(mapping)]
      .toSorted(([a], [b]) => Number(a) - Number(b))
      .map(([key, value]) => listOf([valueOf(key), value])),
  );

const extreme = (list: Value, which: 'min' | 'max'): Value => {
  const numbers = itemsOf(list).map(({ value }) => Number(value));
  if (numbers.some((number) => Number.isNaN(number))) throw new Error(`${which} is for numbers only`);
  return numbers.length === 0 ? valueOf(undefined) : valueOf(Math[which](...numbers));
};

/** @throws Error what is no template */
export const parseTemplate = (source: string): Program =>
  parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));

/**
 * @throws RaisedByTemplate what the template refuses
 * @throws Error what is wrong with it
 */
export const renderTemplate = (
  program: Program,
  variables: Readonly<Record<string, unknown>>,
  now = new Date(),
): string => {
  const scope = new Environment();
  const all = { ...globalsOf(variables, now), ...variables };
  for (const [name, value] of Object.entries(all)) scope.set(name, value);
  return String(new TemplateInterpreter(scope).run(program).value);
};

/** What a template says with `raise_exception` of what it was given. */
export class RaisedByTemplate extends Error {}

/** What every template may use. */
const globalsOf = (
  { tools }: Readonly<Record<string, unknown>>,
  now: Date,
): Readonly<Record<string, unknown>> => ({
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range,
  strftime_now: (format: string) => timeAs(format, now),
  // FireFunction's template knows its tools and the day by these names.
  functions: tools === undefined ? '' : JSON.stringify(tools, undefined, 2),
  datetime: timeAs('%b %d %Y', now),
  raise_exception: (message: string) => {
    throw new RaisedByTemplate(message);
  },
});

const range = (first: number, end?: number, step = 1): readonly number[] => {
  const [from, to] = end === undefined ? [0, first] : [first, end];
  if (step === 0) throw new Error('range() step must not be zero');
  const count = Math.max(0, Math.ceil((to - from) / step));
  return Array.from({ length: count }, (_value, index) => from + index * step);
};

/** A time as Python's `strftime` writes it in English. */
const timeAs = (format: string, time: Date): string => {
  const two = (value: number): string => String(value).padStart(2, '0');
  const named = (options: Intl.DateTimeFormatOptions): string =>
    new Intl.DateTimeFormat('en-US', options).format(time);
  const parts: Readonly<Record<string, () => string>> = {
    Y: () => String(time.getFullYear()),
    y: () => two(time.getFullYear() % 100),
    m: () => two(time.getMonth() + 1),
    d: () => two(time.getDate()),
    B: () => named({ month: 'long' }),
    b: () => named({ month: 'short' }),
    A: () => named({ weekday: 'long' }),
    a: () => named({ weekday: 'short' }),
    H: () => two(time.getHours()),
    I: () => two(time.getHours() % 12 || 12),
    p: () => (time.getHours() < 12 ? 'AM' : 'PM'),
    M: () => two(time.getMinutes()),
    S: () => two(time.getSeconds()),
    '%': () => '%',
  };
  return format.replace(/%(.)/g, (whole, letter: string) => parts[letter]?.() ?? whole);
};
