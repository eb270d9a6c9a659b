import { describe, it } from '@jest/globals';
import { contactAttributeCleared, contactAttributeSet } from '#contracts/contacts/contact.events.js';
import { specify } from '#test/fixtures/specify.js';
import { archived, sara } from '#test/fixtures/contacts.fixture.js';
import { setAttribute } from './set-attribute.command.js';

const size = (value: number) => ({ type: 'number' as const, value });
const set = contactAttributeSet({ name: 'size', attributeType: 'number', content: size(38) });
const cleared = contactAttributeCleared({ name: 'size', attributeType: 'number', previous: size(38) });

const of = (type: string, value: unknown) =>
  specify(setAttribute).given(sara).when({ name: 'a', content: { type, value } });

describe('SetAttribute', () => {
  it('sets, changes and clears a value', () => {
    specify(setAttribute)
      .given(sara)
      .when({ name: 'size', content: size(38) })
      .then(set);
    specify(setAttribute)
      .given(sara, set)
      .when({ name: 'size', content: size(39) })
      .then(contactAttributeSet({ name: 'size', attributeType: 'number', content: size(39), previous: size(38) }));
    specify(setAttribute).given(sara, set).when({ name: 'size', content: null }).then(cleared);
  });
  it('keeps the declared type, also after the value was cleared', () => {
    const text = { name: 'size', content: { type: 'string', value: 'L' } };
    specify(setAttribute).given(sara, set).when(text).refused('attribute-keeps-its-type');
    specify(setAttribute).given(sara, set, cleared).when(text).refused('attribute-keeps-its-type');
    specify(setAttribute)
      .given(sara, set, cleared)
      .when({ name: 'size', content: size(38) })
      .then(set);
  });
  it('is not fooled by a name that every object has', () =>
    specify(setAttribute)
      .given(sara)
      .when({ name: 'constructor', content: size(1) })
      .then(contactAttributeSet({ name: 'constructor', attributeType: 'number', content: size(1) })));
  it('decides nothing when nothing changes', () => {
    specify(setAttribute)
      .given(sara, set)
      .when({ name: 'size', content: size(38) })
      .nothing();
    specify(setAttribute).given(sara).when({ name: 'size', content: null }).nothing();
  });
  it('refuses a value that is not of its type', () => {
    of('number', '38').invalid('/content/value');
    of('date', '2026-02-30').invalid('/content/value');
    of('decimal', '1e3').invalid('/content/value');
    of('boolean', 0).invalid('/content/value');
    of('colour', 'red').invalid('/content/type');
  });
  it('refuses what is not current, and the attribute too many', () => {
    specify(setAttribute).when({ name: 'size', content: null }).refused('contact-exists');
    specify(setAttribute).given(sara, archived).when({ name: 'size', content: null }).refused('contact-not-archived');
    const many = Array.from({ length: 200 }, (_, n) =>
      contactAttributeSet({ name: `a${n}`, attributeType: 'number', content: size(n) }),
    );
    specify(setAttribute)
      .given(sara, ...many)
      .when({ name: 'size', content: size(1) })
      .refused('attributes-within-limit');
  });
});
