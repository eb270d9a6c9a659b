import type { System } from './system.js';

/** One who sends commands that must succeed, and whose questions are answered with all that was written before. */
export interface Speaker {
  /** Posts a command to a path below `/v1`, and gives its result. @throws Error with the answer where it is refused */
  send(path: string, body?: unknown, headers?: Record<string, string>): Promise<any>;
  /** The data of an answer that holds everything written so far. @throws Error with any other answer */
  ask(path: string): Promise<any>;
}

/** @param system asked for at each word: specs start theirs later */
export function speakTo(system: () => System): Speaker {
  return {
    send: async (path, body = {}, headers = {}) => {
      const answer = await system().client.post(`/v1${path}`, body, headers);
      if (answer.status >= 300) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
      return answer.body;
    },
    ask: async (path) => {
      const { client, head } = system();
      const position = await head();
      const answer = await client.get(`/v1${path}${path.includes('?') ? '&' : '?'}minPosition=${position}`);
      if (answer.status !== 200) throw new Error(`${path}: ${JSON.stringify(answer.body)}`);
      // An aggregate that is read whole says where it stands itself, not how far the read models are.
      if (answer.headers['etag'] !== undefined) return answer.body.data;
      const held: string = answer.body.freshness.position;
      if (BigInt(held) < position) throw new Error(`${path}: holds ${held}, and ${position} was written`);
      return answer.body.data;
    },
  };
}
