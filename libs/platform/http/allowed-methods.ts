import type { RouteOptions } from 'fastify';

/** The methods that each address of an app knows: what a 405 and OPTIONS tell. */
export class AllowedMethods {
  private readonly routes = new Map<string, { form: RegExp; methods: Set<string> }>();

  /** Takes note of a route as it is mounted. */
  note({ url, method }: Pick<RouteOptions, 'url' | 'method'>): void {
    let route = this.routes.get(url);
    if (!route) this.routes.set(url, (route = { form: formOf(url), methods: new Set() }));
    for (const each of Array.isArray(method) ? method : [method]) route.methods.add(each);
  }

  /** The methods for an address, in order, OPTIONS last; empty where there is nothing. `*` asks for all that are known. */
  of(target: string): string[] {
    const path = target.split('?', 1)[0]!;
    const found = new Set<string>();
    for (const { form, methods } of this.routes.values()) {
      if (path === '*' || form.test(path)) for (const method of methods) found.add(method);
    }
    found.delete('OPTIONS');
    return found.size > 0 ? [...[...found].toSorted(), 'OPTIONS'] : [];
  }
}

/** The addresses that a route's pattern stands for: `:id` for one step, `::` for a colon, `*` for the rest. */
const formOf = (url: string): RegExp =>
  new RegExp(
    `^${url.replace(/::|:\w+|\*|[.+?^${}()|[\]\\]/g, (part) => {
      if (part === '::') return ':';
      if (part === '*') return '.*';
      return part.startsWith(':') ? '[^/]+' : `\\${part}`;
    })}$`,
  );
