/** JSON with its keys in order: the same text for the same value, however it was written. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(inOrder(value)) ?? 'null';
}

function inOrder(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(inOrder);
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function') return value;
  const keys = Object.keys(value);
  const record = value as Record<string, unknown>;
  if (isPlain(keys, record)) return value;
  // Without a prototype, so that a key `__proto__` is a key like others.
  const ordered = Object.create(null) as Record<string, unknown>;
  for (const key of keys.toSorted()) ordered[key] = inOrder(record[key]);
  return ordered;
}

/** Whether an object is in order as it stands, as small ones often are: then it needs no copy. */
function isPlain(keys: readonly string[], record: Record<string, unknown>): boolean {
  for (let i = 0; i < keys.length; i++) {
    if (i > 0 && keys[i - 1]! > keys[i]!) return false;
    if (typeof record[keys[i]!] === 'object') return false;
  }
  return true;
}
