import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import ajv2020 from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';
import { pointer } from '#platform/kernel/json-pointer.js';

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface Answer {
  status: number;
  headers: Record<string, unknown>;
  body: any;
}

/**
 * A client that holds every answer against the document that the app itself serves: status, media type, body and
 * headers. An answer that the document does not foresee is an error of the spec.
 */
export async function conformingClient(app: NestFastifyApplication) {
  const document = (await app.inject('/openapi.json')).json() as any;
  const ajv = new ajv2020.Ajv2020({ strict: false, allErrors: true });
  (ajvFormats as any).default(ajv);
  ajv.addSchema(document, 'yad');
  const follow = (node: any, at: string[]): { node: any; at: string[] } => {
    if (!node?.$ref) return { node, at };
    const to = node.$ref.slice(2).split('/') as string[];
    return { node: to.reduce((within, step) => within[step], document), at: to };
  };

  const check = (
    method: Method,
    url: string,
    status: number,
    headers: Record<string, unknown>,
    body: unknown,
  ): void => {
    const path = Object.keys(document.paths).find((template) => matches(template, url.split('?')[0]!));
    const operation = path && document.paths[path][method.toLowerCase()];
    if (!operation) {
      // No such route: the problem itself still has its schema.
      const problem = ajv.getSchema('yad#/components/schemas/Problem')!;
      if (!problem(body)) throw new Error(ajv.errorsText(problem.errors));
      return;
    }
    const where = `${method} ${path} answered ${status}`;
    const listed = operation.responses[status];
    if (!listed) throw new Error(`${where}, which the document does not list: ${JSON.stringify(body)}`);
    const response = follow(listed, ['paths', path, method.toLowerCase(), 'responses', String(status)]);
    if (!response.node.content) {
      if (body !== undefined) throw new Error(`${where} with a body`);
      return;
    }
    const media = String(headers['content-type']).split(';')[0]!;
    if (!response.node.content[media]) throw new Error(`${where} as ${media}`);
    for (const name of Object.keys(response.node.headers ?? {})) {
      if (status < 400 && headers[name.toLowerCase()] === undefined) throw new Error(`${where} without ${name}`);
    }
    // Compiled once for each response, and not for each answer.
    const validate = ajv.getSchema(`yad#${pointer([...response.at, 'content', media, 'schema'])}`)!;
    if (!validate(body)) {
      throw new Error(`${where}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`);
    }
  };

  const send = async (
    method: Method,
    url: string,
    payload?: unknown,
    headers: Record<string, string> = {},
  ): Promise<Answer> => {
    const text = typeof payload === 'string' ? payload : JSON.stringify(payload);
    const type: Record<string, string> = payload === undefined ? {} : { 'content-type': 'application/json' };
    const answer = await app.inject({ method, url, headers: { ...type, ...headers }, payload: text });
    const body = answer.statusCode === 304 ? undefined : (answer.json() as unknown);
    check(method, url, answer.statusCode, answer.headers, body);
    return { status: answer.statusCode, headers: answer.headers, body };
  };
  return {
    document,
    ajv,
    send,
    post: (url: string, payload?: unknown, headers?: Record<string, string>) => send('POST', url, payload, headers),
    get: (url: string, headers?: Record<string, string>) => send('GET', url, undefined, headers),
    delete: (url: string, headers?: Record<string, string>) => send('DELETE', url, undefined, headers),
  };
}

const matches = (template: string, path: string): boolean =>
  new RegExp(`^${template.replace(/[.:]/g, '\\$&').replace(/\{\w+\}/g, '[^/]*')}$`).test(path);
