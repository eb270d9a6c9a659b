import { z } from 'zod';
import { eventEnvelope } from '#platform/audit/audited-event.js';
import { Instant } from '#platform/kernel/calendar.js';
import type { RecordedEvent } from '#platform/kernel/envelope.js';
import { Position } from '#platform/kernel/position.js';
import { pointerOf, type Difference } from './differences.js';

/** Changes that one answer lists at most. */
export const MOST_CHANGES = 1000;
/** Events that an answer lists at most for one change: the latest. */
export const MOST_EVENTS_OF_ONE = 100;
/** Events that may lie between the two points: each is looked at for what it changed. */
export const MOST_EVENTS_BETWEEN = 1000;

const Change = z
  .strictObject({
    pointer: z
      .string()
      .describe(
        'JSON pointer of what differs. An item of a list that has a name stands in it as field=name: /lines/line=2/quantity',
      ),
    before: z.unknown().optional().describe('What it was; absent: it was not there'),
    after: z.unknown().optional().describe('What it is; absent: it is not there any more'),
    events: z.array(Position).describe(`The events that changed it, also those that changed it back; the latest`),
    earlierEvents: z.int().min(1).optional().describe('How many earlier ones are left out of `events`'),
  })
  .meta({ id: 'Change' });

const { schemaVersion: _v, subject: _s, correlationId: _to, causationId: _of, ...shown } = eventEnvelope;
const ChangingEvent = z
  .strictObject(shown)
  .meta({ id: 'ChangingEvent', description: 'An event that changed something. The audit API has the whole of it.' });

const counts = {
  changes: z.array(Change).describe('What differs, each with the positions of the events that did it'),
  omitted: z.int().min(1).optional().describe(`How many further changes are left out: ${MOST_CHANGES} are listed`),
  events: z.array(ChangingEvent).describe('The events that did it, by position'),
  otherEvents: z.int().min(0).describe('Events that lie between, too, and changed nothing that is listed'),
};

/** What the two points of a comparison are called by. */
const Point = z.strictObject({ position: Position, recordedAt: Instant.nullable() });
const StreamPoint = z.strictObject({
  position: Position.describe('The point that was asked for'),
  recordedAt: Instant.nullable().describe('When the last event that counts was recorded'),
  revision: z.int().nullable().describe('Of the last event that counts; null: there was none'),
});

/** Two states of one aggregate, field by field. */
export const AggregateDiff = z
  .strictObject({ from: StreamPoint, to: StreamPoint, ...counts })
  .meta({ id: 'AggregateDiff' });
export type AggregateDiff = z.infer<typeof AggregateDiff>;

/** Two answers of one query, field by field. */
export const AnswerDiff = z.strictObject({ from: Point, to: Point, ...counts }).meta({ id: 'AnswerDiff' });
export type AnswerDiff = z.infer<typeof AnswerDiff>;

/** Gathers which events changed which of the differences, within the bounds of an answer. */
export class ChangesByEvents {
  private readonly touched: { readonly events: string[]; earlier: number }[];
  private readonly events: z.infer<typeof ChangingEvent>[] = [];
  private others = 0;

  constructor(private readonly listed: readonly Difference[]) {
    this.touched = listed.map(() => ({ events: [], earlier: 0 }));
  }

  /** In order of position. @param places the numbers of the differences that the event has changed */
  add(event: RecordedEvent, places: readonly number[]): void {
    if (places.length === 0) {
      this.others++;
      return;
    }
    this.events.push(changing(event));
    for (const place of places) {
      const of = this.touched[place]!;
      of.events.push(String(event.position));
      if (of.events.length <= MOST_EVENTS_OF_ONE) continue;
      of.events.shift();
      of.earlier++;
    }
  }

  /** @param all how many differences there are, listed or not */
  answer(all: number): Pick<AggregateDiff, 'changes' | 'omitted' | 'events' | 'otherEvents'> {
    const changes = this.listed.map(({ path, ...values }, place) => {
      const { events, earlier } = this.touched[place]!;
      return { pointer: pointerOf(path), ...values, events, ...(earlier > 0 && { earlierEvents: earlier }) };
    });
    const left = all - this.listed.length;
    return { changes, ...(left > 0 && { omitted: left }), events: this.events, otherEvents: this.others };
  }
}

function changing(event: RecordedEvent): z.infer<typeof ChangingEvent> {
  const { position, id, aggregate, aggregateId, revision, type, occurredAt, recordedAt, commandId, meta } = event;
  const { actor, onBehalfOf, reason } = meta;
  return {
    ...{ position: String(position), id, aggregate, aggregateId, revision, type },
    ...{ occurredAt: occurredAt.toISOString(), recordedAt: recordedAt.toISOString(), commandId, actor },
    ...(onBehalfOf !== undefined && { onBehalfOf }),
    ...(reason !== undefined && { reason }),
  };
}
