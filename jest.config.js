/**
 * One Jest project per kind of test, so that `scripts/test.mjs` can run, report and leave out each on its own.
 * Native ESM: run Jest through `scripts/jest.mjs`, which passes `--experimental-vm-modules`.
 */

const shared = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts', '.tsx'],
  moduleFileExtensions: ['ts', 'tsx', 'mjs', 'js', 'cjs', 'json', 'node'],
  transform: {
    '^.+\\.tsx?$': [
      '@swc/jest',
      {
        jsc: {
          target: 'es2024',
          parser: { syntax: 'typescript', tsx: true },
          transform: { react: { runtime: 'automatic' } },
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  modulePathIgnorePatterns: ['<rootDir>/\\.cache/', '<rootDir>/\\.types/', '<rootDir>/agent/dashboard/dist/'],
  restoreMocks: true,
};

/** A project whose tests live in one folder below `test/`. */
function suite(name) {
  return { ...shared, displayName: name, testMatch: [`<rootDir>/test/${name}/**/*.test.ts`] };
}

const unit = {
  ...shared,
  displayName: 'unit',
  testMatch: ['api', 'common', 'operator', 'agent', 'agent/dashboard'].map(
    (room) => `<rootDir>/${room}/src/**/*.test.{ts,tsx}`,
  ),
};

export default {
  testTimeout: 60_000,
  maxWorkers: '50%',
  projects: [
    unit,
    ...[
      'conventions',
      'raft',
      'contract',
      'integration',
      'e2e',
      'clients',
      'browser',
      'chart',
      'operator',
      'operator-contract',
      'container',
      'cluster',
    ].map(suite),
  ],
};
