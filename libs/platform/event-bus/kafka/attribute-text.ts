/** What CloudEvents does not allow in a text (control characters, noncharacters), and the sign that stands for it. */
const UNFIT = /[\p{Cc}%\p{Noncharacter_Code_Point}]/u;
const ALL_UNFIT = new RegExp(UNFIT, 'gu');

/** A text as the attribute of a CloudEvent: what may not stand there is percent-encoded, as is the percent sign. */
export const attributeText = (text: string): string =>
  UNFIT.test(text) ? text.replace(ALL_UNFIT, encodeURIComponent) : text;

/** The text that an attribute stands for. @throws URIError where it was not made by `attributeText` */
export const textOfAttribute = (attribute: string): string =>
  attribute.includes('%') ? decodeURIComponent(attribute) : attribute;
