// Sums up Jest's JSON results; its last line is `tests: N passed, M failed`. Exits 1 unless all tests ran and passed.
import { existsSync, readFileSync } from 'node:fs';

const total = { passed: 0, failed: 0, skipped: 0 };
const wrong = [];

for (const file of process.argv.slice(2)) {
  if (!existsSync(file)) {
    wrong.push(`${file}: no results were written`);
    continue;
  }
  const run = JSON.parse(readFileSync(file, 'utf8'));
  total.passed += run.numPassedTests;
  total.failed += run.numFailedTests;
  total.skipped += run.numPendingTests + run.numTodoTests;
  if (run.numTotalTests === 0) wrong.push(`${file}: not one test`);
  // A suite that cannot be loaded has no failed tests, and neither has a run that was broken off.
  if (run.numRuntimeErrorTestSuites > 0) wrong.push(`${file}: ${run.numRuntimeErrorTestSuites} suites could not run`);
  if (run.success !== true || run.wasInterrupted === true) wrong.push(`${file}: the run did not succeed`);
  for (const suite of run.testResults)
    for (const test of suite.assertionResults)
      if (test.status !== 'passed') wrong.push(`${test.status}: ${suite.name}: ${test.fullName}`);
}

for (const line of wrong) console.error(line);
if (total.skipped > 0) console.error(`${total.skipped} tests were skipped: none may be`);
console.log(`tests: ${total.passed} passed, ${total.failed} failed`);
if (wrong.length > 0 || total.failed > 0 || total.skipped > 0) process.exitCode = 1;
