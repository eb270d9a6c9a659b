import { z } from 'zod';
import { caseArticleLinked } from '#contracts/service/case.events.js';
import { command } from '#platform/kernel/command.js';
import { rule } from '#platform/kernel/errors.js';
import { Id } from '#platform/kernel/ids.js';
import { Case } from './case.aggregate.js';
import { assertExists } from './case.rules.js';

const MAX_ARTICLES = 100;

export const linkArticle = command({
  name: 'LinkArticle',
  summary: 'Links an article of the knowledge base that helps with the case',
  on: Case,
  route: 'POST /v1/cases/:id/articles',
  input: z.strictObject({ article: Id }),
  decide: (state, { article }) => {
    assertExists(state);
    if (state.articles.includes(article)) return;
    rule('articles-within-limit', state.articles.length < MAX_ARTICLES, `a case has at most ${MAX_ARTICLES} articles`);
    return caseArticleLinked({ ...state.overview, article });
  },
});
