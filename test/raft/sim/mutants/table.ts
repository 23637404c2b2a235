import type { Catch } from './hunt.ts';
import type { Mutant } from './mutant.ts';

/** What came of one mutant. */
export interface Row {
  readonly mutant: Mutant;
  readonly found: Catch;
}

const markdownOf = (head: readonly string[], rows: readonly (readonly string[])[]): string[] => {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)];
};

const pitfallOf = ({ pitfall }: Mutant): string => (pitfall === 0 ? 'own' : String(pitfall));

/** The table as it stands in docs/raft/verification.md, in the order of the catalogue. */
export const markdownTable = (rows: readonly Row[], seeds: number): string[] => {
  const found = rows.flatMap(({ mutant, found: { outcome } }) =>
    outcome?.failure === undefined
      ? []
      : [[`\`${mutant.name}\``, mutant.why, pitfallOf(mutant), String(outcome.seed), outcome.failure.rule]],
  );
  const survivors = rows.filter(({ found: { outcome } }) => outcome === undefined);
  return [
    `${found.length} of ${rows.length} are found within ${seeds} seeds.`,
    '',
    ...markdownOf(['Mistake', 'What it gets wrong', 'Pitfall', 'Seed', 'Rule'], found),
    '',
    ...markdownOf(
      ['Not found', 'What it gets wrong', 'Pitfall', 'Why not, and what finds it'],
      survivors.map(({ mutant }) => [
        `\`${mutant.name}\``,
        mutant.why,
        pitfallOf(mutant),
        mutant.survives ?? 'none is known: a gap',
      ]),
    ),
  ];
};
