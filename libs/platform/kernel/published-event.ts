import type { StoredEvent } from './envelope.js';
import { PERSONAL_DATA } from './event-contract.js';

// What the topic and the feed have in common: the form in which events are published.

/** What names the schema of one version of an event: its `$id`, and the `dataschema` of the published event. */
export const schemaId = (type: string, version: number): string => `urn:yad:schema:${type}:${version}`;

/**
 * The data of a published event: the open fields as they are stored, byte for byte, and beside them the personal ones.
 * @throws Error where there is no object that the personal fields could be a part of
 */
export function publishedData({ data, personalData, type, position }: StoredEvent): string {
  if (personalData === null) return data;
  if (!data.endsWith('}')) throw new Error(`the data of ${type} at ${position} is not a JSON object`);
  const isEmpty = data.length < 64 && /^\{\s*\}$/.test(data);
  return `${data.slice(0, -1)}${isEmpty ? '' : ','}${PERSONAL_DATA_NAME}${personalData}}`;
}

/** What stands between the open fields, with or without a comma, and the personal ones. */
export const PERSONAL_DATA_NAME = `${JSON.stringify(PERSONAL_DATA)}:`;

/** What CloudEvents does not allow in a text (control characters, noncharacters), and the sign that stands for it. */
const UNFIT = /[\p{Cc}%\p{Noncharacter_Code_Point}]/u;
const ALL_UNFIT = new RegExp(UNFIT, 'gu');

/** A text as the attribute of a CloudEvent: what may not stand there is percent-encoded, as is the percent sign. */
export const attributeText = (text: string): string =>
  UNFIT.test(text) ? text.replace(ALL_UNFIT, encodeURIComponent) : text;

/** The text that an attribute stands for. @throws URIError where it was not made by `attributeText` */
export const textOfAttribute = (attribute: string): string =>
  attribute.includes('%') ? decodeURIComponent(attribute) : attribute;
