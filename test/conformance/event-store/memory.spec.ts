import { MemoryEventStore } from '#platform/event-store/memory/memory-event-store.adapter.js';
import { eventStoreConformance } from './event-store.conformance.js';

eventStoreConformance('in memory', async (clock) => new MemoryEventStore(clock));
