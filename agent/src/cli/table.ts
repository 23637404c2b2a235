import { usageError } from './cli-error.ts';

/** What stands where there is nothing to say. */
export const nothing = '-';

/** Columns as wide as their widest cell; the first row holds their names. */
export const table = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_name, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
};

/** One fact to a line. */
export const factLines = (facts: readonly (readonly [string, string | undefined])[]): string =>
  table(facts.flatMap(([name, value]) => (value === undefined ? [] : [[`${name}:`, value]])));

/** @throws CliError usage */
export const formOf = (output: string): 'table' | 'json' => {
  if (output === 'table' || output === 'json') return output;
  throw usageError(`-o ${output} is not a form of output.`, 'Choose table or json.');
};

export const asJson = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`;

/** `1 entry`, `2 entries`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

export const listed = (names: readonly string[]): string => (names.length === 0 ? nothing : names.join(', '));
