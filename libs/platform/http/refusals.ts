import { InvalidInput, YadError, type InputIssue } from '#platform/kernel/errors.js';

/** Where in a request an issue is; the pointer then starts there (`/If-Match` in `header`). */
export type Place = 'body' | 'header' | 'path' | 'query';

/** A problem of the HTTP shell itself. */
export class HttpProblem extends YadError {
  constructor(
    readonly kind: string,
    message: string,
    /** Seconds after which another try makes sense, where it is not the same for all of its kind. */
    readonly retryAfter?: number,
  ) {
    super(message);
  }
}

/** Input that does not fit, with the part of the request that the pointers start in. */
export class InvalidRequest extends InvalidInput {
  constructor(
    readonly place: Place,
    issues: InputIssue[],
  ) {
    super(issues, `the ${place === 'query' ? 'query string' : place} does not fit`);
  }
}
