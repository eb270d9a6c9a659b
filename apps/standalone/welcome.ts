/** Where `yad import` sends when nobody says otherwise. */
const usual = 'http://localhost:3000';

/** The first thing to know. */
export const isUp = (address: string, data: string): string =>
  `Yad is up on ${address}, with its data in ${data}; Ctrl-C stops it`;

const OPEN = `
Nobody signs in yet: whoever sends requests from this machine is the developer, and may do everything. The first key
ends that, as does YAD_JWT_ISSUER:

  npx yad keys create --name shop --role service
`;

const SIGNED_IN = `
Requests need an API key or a token: add  -H "authorization: Bearer $KEY"  to those below. npx yad keys create makes one.
`;

/** What a person who has just started Yad wants to know: where to look and what to try. */
export const welcome = (address: string, data: string, isOpen: boolean): string => `
${isUp(address, data)}.
${isOpen ? OPEN : SIGNED_IN}
  API documents   ${address}/docs   (${address}/openapi.json)

Try a first command …

  curl -s -X POST ${address}/v1/contacts -H 'content-type: application/json' \\
    -d '{"id":"0198f3a0-1b2c-7d3e-8f40-123456789abc","kind":"person","name":{"given":"Ada","family":"Lovelace"}}'

… and a first query, which waits for what the command wrote:

  curl -s '${address}/v1/customers/0198f3a0-1b2c-7d3e-8f40-123456789abc?minPosition=1'

Or a year of a real shop:

  npx yad import online-retail.csv.gz --map online-retail${address === usual ? '' : ` --url ${address}`}
`;
