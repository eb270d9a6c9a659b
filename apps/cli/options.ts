/** The value of an option that is a whole number. @throws Error that names the option */
export function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (number >= least && number <= most) return number;
  throw new Error(`${name}: '${text}' is not a whole number from ${least} to ${most}`);
}
