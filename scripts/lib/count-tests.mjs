// count-tests.mjs RESULTS STATUS: prints the totals of vitest's JSON report as the last line of scripts/test.
// Exits with STATUS, vitest's own; with 1 when vitest was content although nothing ran or something failed.
import { readFileSync } from 'node:fs';

const [path = '', vitestStatus = '1'] = process.argv.slice(2);
const { passed, failed, skipped } = count(readReport(path));
process.stdout.write(`tests: ${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
process.exitCode = Number(vitestStatus) || (failed > 0 || passed === 0 ? 1 : 0);

/**
 * Counts tests by their outcome. A file that failed without a failed test in it (it did not load, a hook threw) and a
 * run that failed as a whole (no report, an error outside of any test) count as one failure each.
 *
 * @param {any} report
 */
function count(report) {
  const statuses = report.testResults.flatMap((/** @type {any} */ file) => {
    const tests = file.assertionResults.map((/** @type {any} */ test) => test.status);
    return file.status === 'failed' && !tests.includes('failed') ? [...tests, 'failed'] : tests;
  });
  const passed = statuses.filter((/** @type {string} */ status) => status === 'passed').length;
  const failed = statuses.filter((/** @type {string} */ status) => status === 'failed').length;
  const failedOutsideOfTests = failed === 0 && vitestStatus !== '0';
  if (failedOutsideOfTests) process.stdout.write('test: vitest failed outside of any test, see above\n');
  return { passed, failed: failedOutsideOfTests ? 1 : failed, skipped: statuses.length - passed - failed };
}

/** @param {string} path */
function readReport(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    process.stdout.write('test: vitest left no report\n');
    return { testResults: [] };
  }
}
