import type { Connection } from "./connection.ts";
import type { ConnectionId } from "./speaker-io.ts";

/** What the table needs to know of a peer. */
export type ConnectionOwner = { readonly name: string };

/** Whose connection is which. One that is closing has no owner any more, and only empties its queue. */
export class ConnectionTable<Owner extends ConnectionOwner> {
  readonly #entries = new Map<
    ConnectionId,
    { readonly connection: Connection; readonly owner: Owner | undefined }
  >();

  own(connection: Connection, owner: Owner): void {
    this.#entries.set(connection.id, { connection, owner });
  }

  /** The connection lives on until its queue is empty. */
  disown(connection: Connection): void {
    this.#entries.set(connection.id, { connection, owner: undefined });
  }

  forget(id: ConnectionId): void {
    this.#entries.delete(id);
  }

  get(
    id: ConnectionId,
  ): { readonly connection: Connection; readonly owner: Owner | undefined } | undefined {
    return this.#entries.get(id);
  }
}
