import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, type Document, type Node } from 'yaml';

/** A place in a file, both counted from 1. */
export interface FilePosition {
  readonly line: number;
  readonly column: number;
}

/** One thing that is wrong with a file: where, at which setting (dotted path, '' for the whole), and what. */
export interface ConfigFileProblem {
  readonly position?: FilePosition;
  readonly path: string;
  readonly message: string;
}

export interface ConfigFileOptions {
  /** Values for `${VAR}` and `${VAR:-default}`; without them such text is left as it is. */
  readonly variables?: Readonly<Record<string, string | undefined>>;
  /**
   * What a setting takes. Text stays text when a variable is replaced in it (`00123`, `true`); other
   * settings take the type of the new text; unknown ones too, unless they are quoted.
   */
  readonly kindOf?: (path: string) => 'text' | 'other' | undefined;
  /** Largest accepted text in bytes; 1 MiB when left out. */
  readonly maxBytes?: number;
}

/** A parsed file. `value` is always an object, empty when the file is empty or broken. */
export interface ConfigFile {
  readonly value: Record<string, unknown>;
  readonly problems: readonly ConfigFileProblem[];
  /** Settings whose value is not known because a variable is missing. */
  readonly unresolved: ReadonlySet<string>;
  /** Where a setting, or its closest parent that is in the file, was written. */
  positionOf(path: string): FilePosition | undefined;
  /** Whether exactly this setting is in the file. */
  has(path: string): boolean;
}

const defaultMaxBytes = 1024 * 1024;
const maxAliases = 100;
const maxDepth = 64;
const variablePattern = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{/g;
const numberPattern = /^[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/;

/** `peers[0].address` → `peers[0]` → `peers` → ''. */
const parentPath = (path: string): string =>
  path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')));

const retype = (text: string): string | number | boolean => {
  if (text === 'true') return true;
  if (text === 'false') return false;
  return numberPattern.test(text) ? Number(text) : text;
};

/**
 * Replaces variables in scalar values after parsing, so that a value never becomes structure. An unquoted
 * scalar takes the type its new text has. `$${` stands for a literal `${`.
 */
class Substitution {
  readonly missing = new Map<string, FilePosition | undefined>();
  readonly unresolved = new Set<string>();
  readonly problems: ConfigFileProblem[] = [];
  readonly #options: ConfigFileOptions;

  constructor(options: ConfigFileOptions) {
    this.#options = options;
  }

  apply(
    node: { value: unknown; type?: string | null | undefined },
    path: string,
    position: FilePosition | undefined,
  ): void {
    const { variables } = this.#options;
    if (variables === undefined || typeof node.value !== 'string' || !node.value.includes('${')) return;
    const replaced = node.value.replace(
      variablePattern,
      (match: string, name: string | undefined, fallbackPart: string | undefined, fallback?: string) => {
        if (match === '$${') return '${';
        if (name === undefined) {
          this.problems.push({
            ...(position === undefined ? {} : { position }),
            path,
            message:
              'has a "${" that does not begin a variable; write ${NAME}, ${NAME:-default}, or $${ for the text itself',
          });
          return match;
        }
        const value = variables[name];
        // As in a shell: ":-" also replaces an empty value.
        if (fallbackPart !== undefined) return value === undefined || value === '' ? (fallback ?? '') : value;
        if (value === undefined) {
          this.unresolved.add(path);
          if (!this.missing.has(name)) this.missing.set(name, position);
          return '';
        }
        return value;
      },
    );
    const kind = this.#options.kindOf?.(path);
    node.value =
      kind === 'other' || (kind === undefined && node.type === 'PLAIN') ? retype(replaced) : replaced;
  }
}

const keyText = (key: unknown): string => (isScalar(key) ? String(key.value) : String(key));

/** Notes where each setting is and substitutes variables on the way. */
const walk = (
  document: Document.Parsed,
  lines: LineCounter,
  substitution: Substitution,
): ReadonlyMap<string, FilePosition> => {
  const positions = new Map<string, FilePosition>();
  const positionAt = (node: unknown): FilePosition | undefined => {
    const range = (node as Node | null)?.range;
    if (range === undefined || range === null) return undefined;
    const { line, col } = lines.linePos(range[0]);
    return { line, column: col };
  };
  const visit = (node: unknown, path: string, position: FilePosition | undefined, depth: number): void => {
    if (depth > maxDepth) throw new RangeError('too deep');
    if (position !== undefined && path !== '') positions.set(path, position);
    if (isAlias(node)) return;
    if (isMap(node)) {
      for (const pair of node.items) {
        const name = keyText(pair.key);
        const childPath = path === '' ? name : `${path}.${name}`;
        // A scalar is pointed at itself; what contains others, at its key.
        const at = isScalar(pair.value) && pair.value.range ? positionAt(pair.value) : positionAt(pair.key);
        visit(pair.value, childPath, at, depth + 1);
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, index) => {
        visit(item, `${path}[${index}]`, positionAt(item), depth + 1);
      });
    } else if (isScalar(node)) {
      substitution.apply(node, path, position);
    }
  };
  visit(document.contents, '', undefined, 0);
  return positions;
};

const broken = (problems: readonly ConfigFileProblem[]): ConfigFile => ({
  value: {},
  problems,
  unresolved: new Set(),
  positionOf: () => undefined,
  has: () => false,
});

/**
 * Reads YAML 1.2 text of a configuration: one document, a mapping at the top. Never throws; everything that
 * is wrong is in `problems`.
 */
export const parseConfigFile = (text: string, options: ConfigFileOptions): ConfigFile => {
  const maxBytes = options.maxBytes ?? defaultMaxBytes;
  if (Buffer.byteLength(text) > maxBytes)
    return broken([{ path: '', message: `is larger than ${maxBytes} bytes` }]);
  const lines = new LineCounter();
  const substitution = new Substitution(options);
  let positions: ReadonlyMap<string, FilePosition>;
  let value: unknown;
  try {
    const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, version: '1.2' });
    const all = [...document.errors, ...document.warnings];
    // What follows a syntax error is mostly its echo.
    const firstSyntaxError = all.findIndex((fault) => fault.code !== 'DUPLICATE_KEY');
    const faults = firstSyntaxError < 0 ? all : all.slice(0, firstSyntaxError + 1);
    if (faults.length > 0)
      return broken(
        faults.map((fault) => {
          const { line, col } = lines.linePos(fault.pos[0]);
          return {
            position: { line, column: col },
            path: '',
            message: `is not valid YAML: ${fault.message}`,
          };
        }),
      );
    positions = walk(document, lines, substitution);
    value = document.toJS({ maxAliasCount: maxAliases });
  } catch (error) {
    const why =
      error instanceof RangeError ? 'is nested too deeply' : `is not valid YAML: ${(error as Error).message}`;
    return broken([{ path: '', message: why }]);
  }
  const problems = [...substitution.problems];
  if (substitution.missing.size > 0) {
    const [first] = substitution.missing.values();
    const names = [...substitution.missing.keys()];
    problems.push({
      ...(first === undefined ? {} : { position: first }),
      path: '',
      message: `uses ${names.length === 1 ? 'the variable' : 'the variables'} ${names.join(', ')}, which ${names.length === 1 ? 'is' : 'are'} not set; set ${names.length === 1 ? 'it' : 'them'} or write \${NAME:-default}`,
    });
  }
  value ??= {};
  if (typeof value !== 'object' || Array.isArray(value))
    return broken([
      { position: { line: 1, column: 1 }, path: '', message: 'must be a mapping of settings at the top' },
    ]);
  return {
    value: value as Record<string, unknown>,
    problems,
    unresolved: substitution.unresolved,
    has: (path) => positions.has(path),
    positionOf: (path) => {
      for (let at = path; at !== ''; at = parentPath(at)) {
        const position = positions.get(at);
        if (position !== undefined) return position;
      }
      return undefined;
    },
  };
};

export { stringify as formatYaml } from 'yaml';
