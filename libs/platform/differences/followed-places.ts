import { fieldOf, isRecord, itemsBy, jsonOf, textOf, type Difference, type Step } from './differences.js';

/** The places below one, by the step that leads there, and which of the places that are followed it is. */
interface Node {
  place?: number;
  readonly fields: Map<string, Node>;
  readonly places: Map<number, Node>;
  /** By what names the items, by name. */
  readonly items: Map<string, Map<string | number, Node>>;
}
const newNode = (): Node => ({ fields: new Map(), places: new Map(), items: new Map() });

/**
 * Follows the values at some places through a row of states: which of them each state has another value at than the one
 * before it. A value that changes and changes back has been touched twice.
 */
export class FollowedPlaces {
  private readonly root = newNode();
  /** What stands at each place, as text; undefined: nothing. */
  private readonly texts: (string | undefined)[] = [];

  /** @param first the state before the first that is followed */
  constructor(differences: readonly Difference[], first: unknown) {
    for (const [place, { path }] of differences.entries()) this.add(path, place);
    this.next(first);
  }

  /** The numbers of the places whose value is another one than it was. */
  next(state: unknown): number[] {
    const changed: number[] = [];
    this.walk(this.root, state, changed);
    return changed;
  }

  private add(path: readonly Step[], place: number): void {
    let node = this.root;
    for (const step of path) {
      if (step.kind === 'field') node = below(node.fields, step.name);
      else if (step.kind === 'place') node = below(node.places, step.at);
      else {
        let named = node.items.get(step.by);
        if (!named) node.items.set(step.by, (named = new Map()));
        node = below(named, step.is);
      }
    }
    node.place = place;
  }

  private walk(node: Node, given: unknown, changed: number[]): void {
    const value = asJson(given);
    if (node.place !== undefined) {
      const text = textOf(jsonOf(value));
      if (text !== this.texts[node.place]) changed.push(node.place);
      this.texts[node.place] = text;
      return;
    }
    const fields = isRecord(value) ? value : undefined;
    for (const [name, child] of node.fields) this.walk(child, fields && fieldOf(fields, name), changed);
    const list = Array.isArray(value) ? value : undefined;
    for (const [at, child] of node.places) this.walk(child, list?.[at], changed);
    for (const [by, children] of node.items) {
      const items = list && itemsBy(by, list.map(asJson));
      for (const [name, child] of children) this.walk(child, items?.get(name), changed);
    }
  }
}

function below<Name>(nodes: Map<Name, Node>, name: Name): Node {
  let node = nodes.get(name);
  if (!node) nodes.set(name, (node = newNode()));
  return node;
}

/** A value as JSON would have it, one level deep: states hold maps that only their JSON shows. */
const asJson = (value: any): unknown => (typeof value?.toJSON === 'function' ? value.toJSON() : value);
