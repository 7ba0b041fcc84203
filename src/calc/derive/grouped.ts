import { compareText, type Table } from "./derivation.ts";
import { Entries, entryOf, type MovingTable, Step } from "./moving.ts";

/** A member, and the entry that put it there. Two tables may have equal keys: `place` is that of the table. */
type Membership<Member> = {
  readonly place: number;
  readonly key: string;
  readonly index: number;
  readonly member: Member;
};

/** Entries of tables by the groups that they name. */
export class Grouped<In, Member> extends Step implements Table<readonly Member[]> {
  readonly entries = new Entries<readonly Member[]>();
  readonly #from: readonly MovingTable<In>[];
  readonly #members: (value: In, key: string) => Iterable<readonly [string, Member]>;
  readonly #groups = new Map<string, Membership<Member>[]>();
  /** By table, for each entry the groups where it has members. */
  readonly #groupsOf: readonly Map<string, ReadonlySet<string>>[];

  constructor(
    name: string,
    from: readonly MovingTable<In>[],
    members: (value: In, key: string) => Iterable<readonly [string, Member]>,
  ) {
    super(name);
    this.#from = from;
    this.#members = members;
    this.#groupsOf = from.map(() => new Map());
  }

  settle(): void {
    const touched = new Set<string>();
    for (const [place, table] of this.#from.entries()) {
      for (const key of table.moved) this.#regroup(place, key, touched);
    }
    for (const group of touched) {
      const members = this.#groups.get(group);
      if (members?.length === 0) this.#groups.delete(group);
      const list = members?.map(({ member }) => member);
      if (this.entries.replace(group, list?.length === 0 ? undefined : list)) this.moved.add(group);
    }
  }

  #regroup(place: number, key: string, touched: Set<string>): void {
    const groupsOf = this.#groupsOf[place] as Map<string, ReadonlySet<string>>;
    for (const group of groupsOf.get(key) ?? []) {
      touched.add(group);
      const list = this.#groups.get(group) as Membership<Member>[];
      const start = position(list, { place, key, index: 0 });
      let end = start;
      while (list[end]?.key === key && list[end]?.place === place) end++;
      list.splice(start, end - start);
    }
    const value = this.#from[place]?.entries.get(key);
    if (value === undefined) {
      groupsOf.delete(key);
      return;
    }
    const groups = new Set<string>();
    let index = 0;
    for (const [group, member] of this.#members(value, key)) {
      const list = entryOf(this.#groups, group, () => []);
      const membership = { place, key, index: index++, member };
      list.splice(position(list, membership), 0, membership);
      groups.add(group);
      touched.add(group);
    }
    groupsOf.set(key, groups);
  }
}

type Place = Pick<Membership<unknown>, "place" | "key" | "index">;

/** Where it stands, or would stand: by key, then by the order of the tables, then by the order in which an entry named them. */
function position(list: readonly Place[], wanted: Place): number {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (comparePlaces(list[middle] as Place, wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

function comparePlaces(a: Place, b: Place): number {
  return compareText(a.key, b.key) || a.place - b.place || a.index - b.index;
}
