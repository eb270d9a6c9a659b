import type { EventStore } from '#platform/event-store/event-store.js';
import type { StoredEvent } from '#platform/kernel/envelope.js';
import { charactersOf } from '#platform/kernel/sizes.js';
import { TooMuchToFold, type FoldBounds } from './too-much-to-fold.js';

const PAGE = 1_000;

/** All events about these subjects through a position, in order. @throws TooMuchToFold */
export async function eventsOfSubjects(
  store: Pick<EventStore, 'readSubjects'>,
  subjects: readonly string[],
  through: bigint,
  bounds: FoldBounds,
): Promise<StoredEvent[]> {
  if (subjects.length > bounds.subjects) throw new TooMuchToFold(`more than ${bounds.subjects} contacts and orders`);
  const events: StoredEvent[] = [];
  let characters = 0;
  for (let after = 0n; subjects.length > 0;) {
    const page = await store.readSubjects([...subjects], { after, through, limit: PAGE });
    for (const event of page) {
      characters += charactersOf(event);
      events.push(event);
    }
    if (events.length > bounds.events) throw new TooMuchToFold(`more than ${bounds.events} events`);
    if (characters > bounds.characters) throw new TooMuchToFold(`more than ${bounds.characters} characters of events`);
    if (page.length < PAGE && !page.cut) break;
    after = page.at(-1)!.position;
  }
  return events;
}
