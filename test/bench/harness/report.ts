import { BenchRefused } from './bench.ts';
import type { BenchResult, Bound, Row } from './bench.ts';
import { summarize } from './statistics.ts';
import type { Summary } from './statistics.ts';

/** Rounds below which a median and a spread say nothing. */
export const fewestRounds = 3;

export interface ReportRow extends Omit<Row, 'values' | 'ratio'> {
  readonly value: Summary;
  /** Absent when too few rounds gave a ratio. */
  readonly ratio?: Summary & { readonly to: string };
  readonly rounds: number;
  /** `none`: the row has no floor, or is bound by a ratio that could not be told. */
  readonly verdict: 'aim' | 'floor' | 'below' | 'none';
}

export interface Report {
  readonly bench: string;
  readonly date: string;
  readonly machine: Readonly<Record<string, string | number>>;
  readonly peers: Readonly<Record<string, string>>;
  readonly rows: readonly ReportRow[];
  readonly notes: readonly string[];
}

const holds = (row: Row, bound: Bound, value: Summary, ratio: Summary | undefined): boolean | undefined => {
  const measured = bound.of === 'median' ? value.median : ratio?.median;
  if (measured === undefined) return undefined;
  return row.better === 'lower' ? measured <= bound.value : measured >= bound.value;
};

const judge = (row: Row, value: Summary, ratio: Summary | undefined): ReportRow['verdict'] => {
  const floor = row.floor === undefined ? undefined : holds(row, row.floor, value, ratio);
  if (floor === false) return 'below';
  const aim = row.aim === undefined ? undefined : holds(row, row.aim, value, ratio);
  if (aim === true) return 'aim';
  return floor === undefined ? 'none' : 'floor';
};

const reportRow = (row: Row): ReportRow => {
  const { values, ratio: paired, ...rest } = row;
  const name = `${row.measure} (${row.candidate})`;
  if (values.length < fewestRounds)
    throw new BenchRefused(`${name} has ${values.length} rounds, at least ${fewestRounds} are needed`);
  if (!values.every(Number.isFinite)) throw new BenchRefused(`${name} has a round without a figure`);
  const value = summarize(values);
  const usable = paired?.values.filter(Number.isFinite) ?? [];
  const ratio =
    paired !== undefined && usable.length >= fewestRounds
      ? { to: paired.to, ...summarize(usable) }
      : undefined;
  return {
    ...rest,
    value,
    ...(ratio === undefined ? {} : { ratio }),
    rounds: values.length,
    verdict: judge(row, value, ratio),
  };
};

/** @throws BenchRefused when a row has too few rounds or one without a figure, or there is no row at all */
export const makeReport = (
  bench: string,
  result: BenchResult,
  date: Date,
  machine: Report['machine'],
): Report => {
  if (result.rows.length === 0) throw new BenchRefused('nothing was measured');
  return {
    bench,
    date: date.toISOString(),
    machine,
    peers: result.peers,
    rows: result.rows.map(reportRow),
    notes: result.notes,
  };
};

/** Rows that miss their floor, each as one line that says by how much. */
export const belowFloor = (report: Report): readonly string[] =>
  report.rows
    .filter((row) => row.verdict === 'below')
    .map(
      (row) =>
        `${row.measure} (${row.candidate}): ${describe(row)}, floor ${row.floor === undefined ? '' : bound(row.floor, row)}`,
    );

const describe = (row: ReportRow): string =>
  row.floor?.of === 'ratio' && row.ratio !== undefined
    ? `${figure(row.ratio.median)} × ${row.ratio.to}`
    : `${figure(row.value.median)} ${row.unit}`;

const figure = (value: number): string =>
  value !== 0 && Math.abs(value) < 10
    ? value.toFixed(2)
    : value.toLocaleString('en', { maximumFractionDigits: 1 });

const bound = ({ of, value }: Bound, { better }: Pick<ReportRow, 'better'>): string =>
  `${better === 'lower' ? '≤' : '≥'} ${value}${of === 'ratio' ? ' ×' : ''}`;

const verdicts: Readonly<Record<ReportRow['verdict'], string>> = {
  aim: 'aim reached',
  floor: 'above floor',
  below: 'BELOW FLOOR',
  none: '',
};

const heading = ['measure', 'candidate', 'median', 'min – max', 'unit', 'ratio', 'floor', 'aim', ''];
const rightAligned = new Set([2, 3, 5]);

/** The report as an aligned table, with the machine above it and the notes below. */
export const formatReport = (report: Report): string => {
  const lines = report.rows.map((row) => [
    row.measure,
    row.candidate,
    figure(row.value.median),
    `${figure(row.value.min)} – ${figure(row.value.max)}`,
    row.unit,
    row.ratio === undefined
      ? ''
      : `${figure(row.ratio.median)} × ${row.ratio.to} (${figure(row.ratio.min)} – ${figure(row.ratio.max)})`,
    row.floor === undefined ? '' : bound(row.floor, row),
    row.aim === undefined ? '' : bound(row.aim, row),
    verdicts[row.verdict],
  ]);
  const widths = heading.map((head, column) =>
    Math.max(head.length, ...lines.map((line) => line[column]?.length ?? 0)),
  );
  const format = (cells: readonly string[]): string =>
    cells
      .map((cell, column) =>
        rightAligned.has(column) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd();
  const facts = Object.entries({ ...report.machine, ...report.peers })
    .map(([name, fact]) => `${name} ${fact}`)
    .join(', ');
  return [
    `${report.bench}, ${report.date}`,
    facts,
    '',
    format(heading),
    format(widths.map((width) => '-'.repeat(width))),
    ...lines.map(format),
    '',
    ...report.notes.map((note) => `- ${note}`),
    '',
  ].join('\n');
};
