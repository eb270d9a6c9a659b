import { z } from 'zod';
import { Id } from '#platform/kernel/ids.js';

/** Lists of words in one request, words in one list, and characters in one word, at most. */
export const MAX_WORD_LISTS = 1000;
export const MAX_WORDS = 16;
export const MAX_WORD_LENGTH = 1000;

/** What `POST /v1/ids` takes. */
export const WordLists = z
  .strictObject({
    words: z
      .array(z.array(z.string().max(MAX_WORD_LENGTH)).min(1).max(MAX_WORDS))
      .max(MAX_WORD_LISTS)
      .meta({
        description: 'Natural keys, each a list of words: what it is of first, such as a source, then its kind',
      }),
  })
  .meta({ id: 'WordLists', examples: [{ words: [['online-retail', 'customer', '17850']] }] });

/** What it answers. */
export const DerivedIds = z
  .strictObject({ ids: z.array(Id).meta({ description: 'One id for each list, in their order' }) })
  .meta({ id: 'DerivedIds' });
