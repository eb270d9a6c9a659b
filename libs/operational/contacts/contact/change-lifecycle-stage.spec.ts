import { describe, it } from '@jest/globals';
import { contactActivated, contactLifecycleStageChanged } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { changeLifecycleStage } from './change-lifecycle-stage.command.js';
import { anonymous, merged, sara } from '#test/fixtures/contacts.fixture.js';

const becomesProspect = contactLifecycleStageChanged({ stage: 'prospect', previousStage: 'lead' });
const buys = contactLifecycleStageChanged({ stage: 'customer', previousStage: 'lead' });
const active = contactActivated({ by: 'business', status: 'active' });

describe('ChangeLifecycleStage', () => {
  it('moves on', () => specify(changeLifecycleStage).given(sara).when({ stage: 'prospect' }).then(becomesProspect));
  it('makes an identified contact active by business; who is anonymous stays so', () => {
    specify(changeLifecycleStage).given(sara).when({ stage: 'customer' }).then(buys, active);
    specify(changeLifecycleStage)
      .given(anonymous)
      .when({ stage: 'customer' })
      .then(contactLifecycleStageChanged({ stage: 'customer', previousStage: 'visitor' }));
  });
  it('decides nothing for the same stage', () =>
    specify(changeLifecycleStage).given(sara).when({ stage: 'lead' }).nothing());
  it('refuses a stage that does not follow', () => {
    specify(changeLifecycleStage).given(sara).when({ stage: 'loyal' }).refused('stage-follows');
    specify(changeLifecycleStage).given(sara, buys, active).when({ stage: 'lead' }).refused('stage-follows');
    specify(changeLifecycleStage).given(sara).when({ stage: 'friend' }).invalid('/stage');
  });
  it('refuses what is not current', () => {
    specify(changeLifecycleStage).when({ stage: 'lead' }).refused('contact-exists');
    specify(changeLifecycleStage).given(sara, merged).when({ stage: 'customer' }).refused('contact-not-merged');
  });
});
