import { describe, it } from '@jest/globals';
import { caseArticleLinked } from '#contracts/service/case.events.js';
import { derivedId } from '#platform/kernel/ids.js';
import { specify } from '#test/fixtures/specify.js';
import { as, closed, fresh, inProgress, opened, resolved } from '#test/fixtures/cases.fixture.js';
import { linkArticle } from './link-article.command.js';

const article = derivedId('article', 'leaking teapots');
const linked = caseArticleLinked({ ...fresh, article });

describe('LinkArticle', () => {
  it('links, also when the case is closed', () => {
    specify(linkArticle).given(opened).when({ article }).then(linked);
    specify(linkArticle)
      .given(...inProgress, resolved, closed)
      .when({ article })
      .then(caseArticleLinked({ ...as('closed'), article }));
  });
  it('decides nothing for the same article', () =>
    specify(linkArticle).given(opened, linked).when({ article }).nothing());
  it('refuses a case that does not exist, and the article too many', () => {
    specify(linkArticle).when({ article }).refused('case-exists');
    const hundred = Array.from({ length: 100 }, (_, n) => caseArticleLinked({ ...fresh, article: derivedId(`${n}`) }));
    specify(linkArticle)
      .given(opened, ...hundred)
      .when({ article })
      .refused('articles-within-limit');
    specify(linkArticle).given(opened).when({ article: 'teapots' }).invalid('/article');
  });
});
