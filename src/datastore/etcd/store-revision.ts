import { type Revision, RevisionGone } from "../datastore.ts";

/** A revision of one etcd cluster: "1234@14841639068965178418". Revisions of two clusters say nothing about each other. */
export class StoreRevision {
  readonly number: bigint;
  readonly #cluster: string;

  constructor(number: string | bigint, cluster: string) {
    this.number = BigInt(number);
    this.#cluster = cluster;
  }

  /** Reads what `toString` wrote; throws RevisionGone for anything else. */
  static parse(text: Revision): StoreRevision {
    const [, number, cluster] = /^(\d+)@(\d+)$/.exec(text) ?? [];
    if (number === undefined || cluster === undefined) {
      throw new RevisionGone(`revision ${text} is not of an etcd`);
    }
    return new StoreRevision(number, cluster);
  }

  /** Another revision of the same cluster. */
  at(number: string): StoreRevision {
    return new StoreRevision(number, this.#cluster);
  }

  assertSameStore(cluster: string): void {
    if (cluster !== this.#cluster) throw new RevisionGone("this is another etcd cluster");
  }

  toString(): Revision {
    return `${this.number}@${this.#cluster}`;
  }
}
