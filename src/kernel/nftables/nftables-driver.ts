import { NetlinkError } from "../netlink/netlink-error.ts";
import type { NetlinkSocket } from "../netlink/netlink-socket.ts";
import { type CompiledTable, compileTable, type TableContent } from "./compiled-table.ts";
import type { NftFamily, NftTable } from "./nft-table.ts";
import { readTable } from "./table-reader.ts";
import { TableTransaction } from "./table-transaction.ts";

/** What one apply did. */
export type NftablesApplied = {
  /** Changes in the transaction; 0 when the kernel had it all. */
  readonly changes: number;
  /** Present when the kernel refused: nothing has changed, and the next apply reads what is there first. */
  readonly refused?: string;
};

/**
 * Keeps one table a family as it shall be. It knows what the kernel has (read at the start, and again when somebody else
 * changed it) and sends the difference to what is desired, for all families in one transaction.
 */
export class NftablesDriver {
  readonly #socket: NetlinkSocket;
  readonly #name: string;
  readonly #families: readonly NftFamily[];
  readonly #actual = new Map<NftFamily, TableContent | undefined>();
  #refusals = 0;

  constructor(options: {
    /** A socket of netfilter's. */
    readonly socket: NetlinkSocket;
    readonly name: string;
    readonly families?: readonly NftFamily[];
  }) {
    this.#socket = options.socket;
    this.#name = options.name;
    this.#families = options.families ?? ["ip", "ip6"];
  }

  /** Whether the kernel holds a table of ours, left by an earlier process or made by this one. */
  get isPresent(): boolean {
    return this.#families.some((family) => this.#read(family) !== undefined);
  }

  /** Somebody else touched our tables: what they hold is unknown until they are read. */
  distrust(): void {
    this.#actual.clear();
  }

  /** Makes the kernel's tables what these say; a family that is not given has none. */
  apply(tables: readonly NftTable[]): NftablesApplied {
    const desired = new Map(tables.map((table) => [table.family, compileTable(table)]));
    const transaction = new TableTransaction();
    for (const family of this.#families) this.#change(transaction, family, desired.get(family));
    try {
      transaction.commit(this.#socket);
    } catch (error) {
      this.distrust();
      if (!(error instanceof NetlinkError)) throw error;
      this.#refusals++;
      return { changes: 0, refused: error.message };
    }
    this.#refusals = 0;
    for (const family of this.#families) this.#actual.set(family, desired.get(family));
    return { changes: transaction.size };
  }

  /** Takes our tables away. */
  removeAll(): NftablesApplied {
    return this.apply([]);
  }

  #change(
    transaction: TableTransaction,
    family: NftFamily,
    desired: CompiledTable | undefined,
  ): void {
    const actual = this.#read(family);
    if (desired === undefined) {
      if (actual !== undefined) transaction.removeTable({ family, name: this.#name });
      return;
    }
    // What the difference could not repair (somebody's chain jumps into ours, say) is made anew as a whole.
    if (this.#refusals > 0 && actual !== undefined) transaction.replace(desired);
    else transaction.change(desired, actual);
  }

  #read(family: NftFamily): TableContent | undefined {
    if (!this.#actual.has(family)) {
      this.#actual.set(family, readTable(this.#socket, { family, name: this.#name }));
    }
    return this.#actual.get(family);
  }
}
