import type { ICruiseOptions, IForbiddenRuleType } from 'dependency-cruiser';
import { read } from './repository.ts';

/*
 * Who may import whom. Each rule is proved to bite by test/conventions/imports.test.ts, which also holds the rule
 * that dependency-cruiser cannot say: one importing file per library and workspace.
 */

const test = '\\.(test|fixture)\\.tsx?$';

/** The files that `exports` of a workspace's package.json opens to others, as one pattern. */
function frontDoors(workspaces: string[]): string {
  const doors = workspaces.flatMap((workspace) => {
    const { exports } = JSON.parse(read(`${workspace}/package.json`)) as { exports: Record<string, string> };
    return Object.values(exports).map(
      (file) => `^${workspace}/${file.replace('./', '').replaceAll('.', '\\.')}$`,
    );
  });
  return doors.join('|');
}

export const forbidden: IForbiddenRuleType[] = [
  {
    name: 'no-cycles',
    comment: 'Two files that need each other are one file, or need a third.',
    severity: 'error',
    from: {},
    to: { circular: true },
  },
  {
    name: 'api-stands-alone',
    comment: 'The contract is data: it needs its schema library and its validator, nothing else.',
    severity: 'error',
    from: { path: '^api/src/', pathNot: `${test}|^api/src/generate/` },
    to: { pathNot: '^api/src/|(^|/)node_modules/(typebox|ajv|ajv-formats)/' },
  },
  {
    name: 'common-knows-none-of-ours',
    comment: 'Plumbing serves every process and knows none.',
    severity: 'error',
    from: { path: '^common/' },
    to: { path: '^(api|agent|operator|test)/' },
  },
  {
    name: 'agent-without-operator',
    comment: 'Agent and operator meet in api/.',
    severity: 'error',
    from: { path: '^agent/' },
    to: { path: '^operator/' },
  },
  {
    name: 'operator-without-agent',
    comment: 'Agent and operator meet in api/.',
    severity: 'error',
    from: { path: '^operator/' },
    to: { path: '^agent/' },
  },
  {
    name: 'dashboard-through-the-contract',
    comment: 'The page runs in a browser: of ours it knows the contract only.',
    severity: 'error',
    from: { path: '^agent/dashboard/' },
    to: { path: '^(agent/src|common|operator|test)/' },
  },
  {
    name: 'agent-serves-the-dashboard-as-files',
    comment: 'The agent serves the built page and imports nothing of it.',
    severity: 'error',
    from: { path: '^agent/src/' },
    to: { path: '^agent/dashboard/' },
  },
  {
    name: 'through-the-front-door',
    comment: 'Other workspaces see what package.json exports.',
    severity: 'error',
    from: { path: '^(agent/dashboard|agent|operator)/' },
    to: { path: '^(api|common)/', pathNot: frontDoors(['api', 'common']) },
  },
  {
    name: 'no-tests-in-programs',
    comment: 'What is run does not import what tests it.',
    severity: 'error',
    from: { path: '^(api|common|agent|operator)/', pathNot: test },
    to: { path: `^test/|${test}` },
  },
  {
    name: 'resolvable',
    comment: 'Every import leads somewhere.',
    severity: 'error',
    from: {},
    to: { couldNotResolve: true },
  },
];

export const options: ICruiseOptions = {
  ruleSet: { forbidden },
  validate: true,
  tsPreCompilationDeps: true,
  doNotFollow: { path: 'node_modules' },
  exclude: { path: '(^|/)(dist|\\.types|\\.cache)/' },
  enhancedResolveOptions: {
    exportsFields: ['exports'],
    conditionNames: ['import', 'node', 'types', 'default'],
    mainFields: ['module', 'main', 'types'],
  },
};
