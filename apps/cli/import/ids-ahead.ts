import { MAX_WORD_LISTS } from '#platform/http/derived-ids.js';
import type { Group } from './grouping.js';
import type { Ids } from './mapping.js';
import type { Server } from './server.js';

/** When a bunch is full: groups, and characters of their cells, which may be few groups with many lines. */
const BUNCH_GROUPS = 500;
const BUNCH_CHARACTERS = 1_000_000;
/** Characters of words in one request: in bytes below what the server takes. */
const REQUEST_CHARACTERS = 200_000;

export interface IdsAheadOptions {
  server: Server;
  /** Adds the words, as JSON, that the ids of a group belong to. */
  addWords: (group: Group, words: Set<string>) => void;
  /** Takes each group, in the order in which they came, when its ids are known. */
  onReady: (group: Group, ids: Ids) => Promise<void>;
}

interface Bunch {
  groups: Group[];
  words: Set<string>;
  characters: number;
}
const emptyBunch = (): Bunch => ({ groups: [], words: new Set(), characters: 0 });

/**
 * Has the server derive the ids that groups need, whose secret no importer has. Many groups at once, and while one
 * bunch is asked for the next one is read: an import does not wait for the answers. Holds two bunches at most.
 */
export class IdsAhead {
  private gathering = emptyBunch();
  private asked: { groups: Group[]; ids: Promise<Ids> } | undefined;

  constructor(private readonly options: IdsAheadOptions) {}

  /** Takes a group; resolves at once, or when those of the bunch before were taken. */
  async add(group: Group): Promise<void> {
    const { gathering } = this;
    gathering.groups.push(group);
    for (const { cells } of group.lines) for (const name in cells) gathering.characters += cells[name]!.length;
    if (group.broken === undefined) this.options.addWords(group, gathering.words);
    if (gathering.groups.length >= BUNCH_GROUPS || gathering.characters >= BUNCH_CHARACTERS) await this.turn();
  }

  /** Resolves when all groups were taken. */
  async drain(): Promise<void> {
    await this.turn();
    await this.turn();
  }

  /** The first line that was not taken yet; Infinity where there is none. */
  firstLine(): number {
    let first = Infinity;
    for (const { groups } of [this.gathering, this.asked ?? emptyBunch()]) {
      for (const { lines } of groups) first = Math.min(first, lines[0]!.number);
    }
    return first;
  }

  /** Resolves when nothing is asked for any more, answered or not. */
  async idle(): Promise<void> {
    await this.asked?.ids.catch(() => {});
  }

  /** Asks for what is gathered, and gives on what was asked for before. */
  private async turn(): Promise<void> {
    const { gathering, asked: before } = this;
    const ids = this.idsOf(gathering.words);
    // Whoever waits for them gets the rejection; until then it must not count as unhandled.
    ids.catch(() => {});
    this.gathering = emptyBunch();
    this.asked = { groups: gathering.groups, ids };
    if (!before) return;
    const known = await before.ids;
    for (const group of before.groups) await this.options.onReady(group, known);
  }

  private async idsOf(words: ReadonlySet<string>): Promise<Ids> {
    const ids = new Map<string, string>();
    let lists: string[] = [];
    let characters = 0;
    for (const list of words) {
      if (lists.length === MAX_WORD_LISTS || characters + list.length > REQUEST_CHARACTERS) {
        await this.ask(lists, ids);
        [lists, characters] = [[], 0];
      }
      lists.push(list);
      characters += list.length;
    }
    if (lists.length > 0) await this.ask(lists, ids);
    return ids;
  }

  private async ask(lists: readonly string[], into: Map<string, string>): Promise<void> {
    const { server } = this.options;
    const answer = await server.post('/v1/ids', `{"words":[${lists.join(',')}]}`, 'words of ids');
    const { ids } = answer;
    if (!Array.isArray(ids) || ids.length !== lists.length) throw server.strange(answer);
    lists.forEach((list, index) => into.set(list, ids[index]));
  }
}
