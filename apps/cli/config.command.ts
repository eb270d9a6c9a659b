import type { Command } from 'commander';
import { reportSettings, type ReportedSetting } from '#platform/runtime/settings-report.js';
import { EXIT } from './exit-codes.js';

/** Adds `yad config`: every setting with its meaning, what it is set to, and what is wrong. */
export function addConfigCommand(program: Command): void {
  program
    .command('config')
    .description(
      'shows every setting: its meaning, what it is set to here, what counts else; ends with 3 where one is wrong',
    )
    .option('--json', 'as JSON, for programs')
    .action(({ json }: { json?: true }) => {
      const report = reportSettings(process.env);
      if (report.problems.length > 0) process.exitCode = EXIT.found;
      if (json) {
        console.log(JSON.stringify(report, null, 2));
        return;
      }
      let area: string | undefined;
      for (const setting of report.settings) {
        if (setting.area !== area) console.log(`${area === undefined ? '' : '\n'}${setting.area}`);
        area = setting.area;
        console.log(`  ${setting.name}  ${standing(setting)}\n      ${setting.meaning}`);
      }
      for (const problem of report.problems) console.error(`wrong: ${problem}`);
    });
}

function standing({ isSet, value, otherwise }: ReportedSetting): string {
  if (isSet) return `= ${value}`;
  return otherwise === undefined ? '(not set)' : `(not set: ${otherwise})`;
}
