/** An entry; `order` keeps the entries in the order in which their keys came. */
interface Leaf<Value> {
  readonly key: string;
  readonly value: Value;
  readonly order: number;
}
/** Keys of one hash; nearly always one. */
interface Bucket<Value> {
  readonly hash: number;
  readonly leaves: readonly Leaf<Value>[];
}
/** Up to 32 children, those that are there, by five bits of the hash. */
interface Branch<Value> {
  readonly bitmap: number;
  readonly children: readonly Node<Value>[];
}
type Node<Value> = Branch<Value> | Bucket<Value>;

const BITS = 5;
const EMPTY: Branch<never> = { bitmap: 0, children: [] };

/**
 * A map that never changes: `set` and `delete` give another, which shares all but the path to the entry with this one.
 * What a change copies is bounded (some hundred references at most) however many entries there are, where a copy of an
 * object or a list costs as much as it holds. For the collections of aggregates' states, which grow with their events.
 */
export class PersistentMap<Value> implements Iterable<[string, Value]> {
  private constructor(
    private readonly root: Branch<Value>,
    readonly size: number,
    private readonly nextOrder: number,
  ) {}

  /** The map without entries. */
  static empty<Value>(): PersistentMap<Value> {
    return EMPTY_MAP;
  }

  get(key: string): Value | undefined {
    return this.find(key)?.value;
  }

  has(key: string): boolean {
    return this.find(key) !== undefined;
  }

  /** With an entry; one that is there keeps its place in the order. */
  set(key: string, value: Value): PersistentMap<Value> {
    const known = this.find(key);
    if (known && known.value === value) return this;
    const leaf = { key, value, order: known?.order ?? this.nextOrder };
    const root = inserted(this.root, hashOf(key), 0, leaf) as Branch<Value>;
    return known
      ? new PersistentMap(root, this.size, this.nextOrder)
      : new PersistentMap(root, this.size + 1, this.nextOrder + 1);
  }

  /** Without an entry; the same map where it has none. */
  delete(key: string): PersistentMap<Value> {
    if (!this.has(key)) return this;
    const root = (removed(this.root, hashOf(key), 0, key) ?? EMPTY) as Branch<Value>;
    return new PersistentMap(root, this.size - 1, this.nextOrder);
  }

  /** The entries in the order in which their keys came. Costs as much as there are. */
  *[Symbol.iterator](): IterableIterator<[string, Value]> {
    const leaves = [...leavesOf(this.root)].toSorted((a, b) => a.order - b.order);
    for (const { key, value } of leaves) yield [key, value];
  }

  keys(): string[] {
    return [...this].map(([key]) => key);
  }

  values(): Value[] {
    return [...this].map(([, value]) => value);
  }

  toJSON(): Record<string, Value> {
    return Object.fromEntries(this);
  }

  private find(key: string): Leaf<Value> | undefined {
    const hash = hashOf(key);
    let node: Node<Value> = this.root;
    for (let shift = 0; 'bitmap' in node; shift += BITS) {
      const bit = bitOf(hash, shift);
      if ((node.bitmap & bit) === 0) return undefined;
      node = node.children[placeOf(node.bitmap, bit)]!;
    }
    return node.hash === hash ? node.leaves.find((leaf) => leaf.key === key) : undefined;
  }
}

const EMPTY_MAP: PersistentMap<never> = new (PersistentMap as any)(EMPTY, 0, 0);

/** A set of texts that never changes, as `PersistentMap`; in the order in which they came. */
export class PersistentSet implements Iterable<string> {
  private constructor(private readonly map: PersistentMap<true>) {}

  static of(...values: string[]): PersistentSet {
    return values.reduce((set, value) => set.add(value), EMPTY_SET);
  }

  get size(): number {
    return this.map.size;
  }

  has(value: string): boolean {
    return this.map.has(value);
  }

  add(value: string): PersistentSet {
    return this.map.has(value) ? this : new PersistentSet(this.map.set(value, true));
  }

  delete(value: string): PersistentSet {
    return this.map.has(value) ? new PersistentSet(this.map.delete(value)) : this;
  }

  [Symbol.iterator](): IterableIterator<string> {
    return this.map.keys()[Symbol.iterator]();
  }

  toJSON(): string[] {
    return [...this];
  }
}

const EMPTY_SET: PersistentSet = new (PersistentSet as any)(PersistentMap.empty());

/** FNV-1a. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

const bitOf = (hash: number, shift: number): number => 1 << ((hash >>> shift) & 31);

/** The place among the children that are there: how many stand before it. */
function placeOf(bitmap: number, bit: number): number {
  let rest = bitmap & (bit - 1);
  rest -= (rest >>> 1) & 0x55555555;
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function inserted<Value>(node: Node<Value>, hash: number, shift: number, leaf: Leaf<Value>): Node<Value> {
  if (!('bitmap' in node)) {
    if (node.hash === hash) {
      return { hash, leaves: [...node.leaves.filter(({ key }) => key !== leaf.key), leaf] };
    }
    // Another hash as far as this level goes: both a level below.
    const alone: Branch<Value> = { bitmap: bitOf(node.hash, shift), children: [node] };
    return inserted(alone, hash, shift, leaf);
  }
  const bit = bitOf(hash, shift);
  const at = placeOf(node.bitmap, bit);
  if ((node.bitmap & bit) === 0) {
    return { bitmap: node.bitmap | bit, children: node.children.toSpliced(at, 0, { hash, leaves: [leaf] }) };
  }
  return { ...node, children: node.children.with(at, inserted(node.children[at]!, hash, shift + BITS, leaf)) };
}

/** Undefined where nothing is left. The key is there. */
function removed<Value>(node: Node<Value>, hash: number, shift: number, key: string): Node<Value> | undefined {
  if (!('bitmap' in node)) {
    const leaves = node.leaves.filter((leaf) => leaf.key !== key);
    return leaves.length > 0 ? { hash, leaves } : undefined;
  }
  const bit = bitOf(hash, shift);
  const at = placeOf(node.bitmap, bit);
  const child = removed(node.children[at]!, hash, shift + BITS, key);
  const children = child ? node.children.with(at, child) : node.children.toSpliced(at, 1);
  if (children.length === 0) return undefined;
  // A bucket that is alone needs no branch above it; the root stays one.
  const [only] = children;
  if (children.length === 1 && shift > 0 && 'leaves' in only!) return only;
  return { bitmap: child ? node.bitmap : node.bitmap & ~bit, children };
}

function* leavesOf<Value>(node: Node<Value>): IterableIterator<Leaf<Value>> {
  if ('leaves' in node) yield* node.leaves;
  else for (const child of node.children) yield* leavesOf(child);
}
