import type { StoredMeta } from '#platform/kernel/envelope.js';

const metas = new Map<string, StoredMeta>();

/** Parses a meta; most are alike (one actor, nothing else), so the last texts are remembered. */
export function parseMeta(text: string): StoredMeta {
  let meta = metas.get(text);
  if (!meta) {
    meta = Object.freeze(JSON.parse(text)) as StoredMeta;
    if (metas.size >= 1000) metas.clear();
    metas.set(text, meta);
  }
  return meta;
}
