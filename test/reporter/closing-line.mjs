import { writeFileSync } from 'node:fs';

/**
 * What one Jest run came to, written as JSON to the file in OLLAMAMAX_REPORT when it is complete, for
 * `scripts/test.mjs` to add up. Without that variable it does nothing.
 */
export default class ClosingLineReporter {
  /**
   * @param {unknown} _contexts
   * @param {{ numPassedTests: number, numFailedTests: number, numRuntimeErrorTestSuites: number,
   *   numPendingTests: number, numTodoTests: number }} results
   */
  onRunComplete(_contexts, results) {
    const path = process.env.OLLAMAMAX_REPORT;
    if (path === undefined) return;
    const report = {
      passed: results.numPassedTests,
      // A file that could not even be loaded has no tests to count: it is one failure itself.
      failed: results.numFailedTests + results.numRuntimeErrorTestSuites,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    writeFileSync(path, JSON.stringify(report));
  }
}
