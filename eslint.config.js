import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

/**
 * Code in which the same input always gives the same output: no clock, no randomness, no I/O, no waiting.
 * Time and chance are arguments there. Tests beside it are ordinary code.
 */
export const pureZones = [
  'api/src/**/*.ts',
  'agent/src/scheduler/pick*.ts',
  'agent/src/catalog/placement.ts',
  'agent/src/catalog/backup.ts',
  'agent/src/catalog/state/**/*.ts',
  'agent/src/raft/core/**/*.ts',
  'operator/src/**/desired/**/*.ts',
];

/** The generator writes files: it is the one program inside a pure zone. */
const pureZoneExceptions = ['**/*.{test,fixture}.ts', 'api/src/generate/**'];

const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Export by name: a default export has a different name in every file that imports it.',
};

const processBelongsToMain = [
  {
    selector: 'MemberExpression[object.name="process"][property.name=/^(env|exit|exitCode|abort)$/]',
    message: 'Only a main.ts reads the environment or ends the process; pass the value in.',
  },
  {
    selector:
      'CallExpression[callee.object.name="process"][callee.property.name=/^(on|once|addListener|prependListener)$/][arguments.0.value=/^(SIG|uncaught|unhandled|exit|beforeExit)/]',
    message: 'Only a main.ts handles signals and process-wide events.',
  },
  {
    selector:
      'ImportDeclaration[source.value=/^(node:)?process$/] ImportSpecifier[imported.name=/^(env|exit)$/]',
    message: 'Only a main.ts reads the environment or ends the process; pass the value in.',
  },
];

const noWaiting = [
  { selector: 'AwaitExpression', message: 'A pure zone does not wait: return what is to be done instead.' },
  { selector: 'ForOfStatement[await=true]', message: 'A pure zone does not wait.' },
  { selector: ':function[async=true]', message: 'A pure zone has no async functions.' },
  {
    selector: 'ImportExpression',
    message: 'A pure zone imports statically.',
  },
];

const impureGlobals = [
  'Date',
  'performance',
  'process',
  'fetch',
  'WebSocket',
  'console',
  'crypto',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'queueMicrotask',
].map((name) => ({
  name,
  message: 'A pure zone has no clock, randomness or I/O: take the value as an argument.',
}));

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/',
      '.cache/',
      '.types/',
      'data/',
      'coverage/',
      'agent/dashboard/dist/',
      'models/',
      'test/tools/',
      '**/*.generated.*',
    ],
  },
  js.configs.recommended,
  {
    files: ['**/*.{ts,tsx}', 'scripts/**/*.mjs', 'test/**/*.mjs'],
    extends: [...tseslint.configs.strictTypeChecked, ...tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/unified-signatures': 'off',
      // The reason of an aborted signal is `any`, and is what is to be thrown.
      '@typescript-eslint/prefer-promise-reject-errors': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true },
      ],
      '@typescript-eslint/only-throw-error': [
        'error',
        { allowThrowingAny: true, allowThrowingUnknown: true, allowRethrowing: true },
      ],
      // Streams and sockets are accepted by their shape in Node's own types.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // A method may be async because its interface says so.
      '@typescript-eslint/require-await': 'off',
      'max-lines': ['error', { max: 400 }],
      'no-console': 'error',
      eqeqeq: ['error', 'always'],
      'no-restricted-syntax': ['error', noDefaultExport, ...processBelongsToMain],
    },
  },
  {
    files: pureZones,
    ignores: pureZoneExceptions,
    rules: {
      'no-restricted-syntax': ['error', noDefaultExport, ...processBelongsToMain, ...noWaiting],
      'no-restricted-globals': ['error', ...impureGlobals],
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'A pure zone takes its chance as an argument.' },
        { object: 'globalThis', property: 'Date', message: 'A pure zone takes the time as an argument.' },
      ],
      'no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              regex:
                '^node:|^(fs|net|tls|http|https|http2|child_process|crypto|dns|dgram|worker_threads|os|timers)(/|$)',
              message: 'A pure zone does no I/O.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['**/main.{ts,tsx}', 'scripts/**/*.mjs', 'test/**/*.{ts,mjs}'],
    rules: {
      'no-restricted-syntax': ['error', noDefaultExport],
      'no-console': 'off',
    },
  },
  {
    // A type given in a comment is seen by the compiler (`checkJs`) and not by these rules.
    files: ['**/*.mjs'],
    rules: {
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
    },
  },
  {
    files: ['**/*.{test,fixture}.{ts,tsx}'],
    rules: {
      // `expect(object.method)` and mocks of interfaces are ordinary in tests.
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
    },
  },
  {
    files: ['*.config.{js,ts}', '**/*.config.{js,ts}', 'test/reporter/**'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['*.config.js'],
    languageOptions: { globals: { process: 'readonly' } },
  },
  prettier,
);
