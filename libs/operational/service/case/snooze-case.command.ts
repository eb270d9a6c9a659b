import { z } from 'zod';
import { Note } from '#contracts/terms.js';
import { caseSnoozed } from '#contracts/service/case.events.js';
import { Instant, TimeZone } from '#platform/kernel/calendar.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Case } from './case.aggregate.js';
import { assertAssigned } from './case.rules.js';

export const snoozeCase = command({
  name: 'SnoozeCase',
  summary: 'Puts the case off until an instant, shown in the named zone',
  on: Case,
  route: 'POST /v1/cases/:id/snooze',
  input: z.strictObject({ until: Instant, zone: TimeZone, note: Note.optional() }),
  decide: (state, { until: given, zone, note }, { now }) => {
    assertAssigned(state);
    const until = new Date(given).toISOString();
    rule('until-is-ahead', until > now.toISOString(), `${until} is not after ${now.toISOString()}`);
    const { snoozedUntil } = state;
    if (snoozedUntil?.until === until && snoozedUntil.zone === zone) return;
    return caseSnoozed({ ...state.overview, status: 'snoozed', until, zone, note });
  },
});
