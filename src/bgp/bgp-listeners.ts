import type { Socket } from "node:net";
import { IpAddress, ipVersion } from "../../protocol/types/ip-address.ts";
import type { ListenerKey } from "../kernel/native/tcp-options.ts";
import type { BgpListener, BgpSockets } from "./bgp-sockets.ts";

/** Where to listen. */
export type ListenConfig = {
  readonly port: number;
  readonly addresses: readonly IpAddress[] | "any";
};

/** A listener that should be and is not, and why. */
export type ListenProblem = { readonly address: IpAddress; readonly reason: string };

const FIRST_RETRY_MILLISECONDS = 500;
const LONGEST_RETRY_MILLISECONDS = 15_000;

type Entry = {
  readonly address: IpAddress;
  readonly port: number;
  listener?: BgpListener;
  problem?: string;
};

/**
 * Keeps the listening sockets equal to what is wanted: one for each address, and on each of them the MD5 keys of exactly
 * the peers that have one. What fails is tried again, at growing intervals; the rest listens meanwhile.
 */
export class BgpListeners {
  readonly #sockets: BgpSockets;
  readonly #onConnection: (socket: Socket) => void;
  readonly #onProblem: (problem: ListenProblem) => void;
  readonly #entries = new Map<string, Entry>();
  #keys: readonly ListenerKey[] = [];
  #retry: NodeJS.Timeout | undefined;
  #retryMilliseconds = FIRST_RETRY_MILLISECONDS;
  #closed = false;

  constructor(options: {
    readonly sockets: BgpSockets;
    readonly onConnection: (socket: Socket) => void;
    readonly onProblem: (problem: ListenProblem) => void;
  }) {
    this.#sockets = options.sockets;
    this.#onConnection = options.onConnection;
    this.#onProblem = options.onProblem;
  }

  /** The whole desired set of sockets and keys. Resolves when each was tried once. */
  async configure(listen: ListenConfig, keys: readonly ListenerKey[]): Promise<void> {
    this.#keys = keys;
    const wanted = new Map(
      addressesOf(listen).map((address) => [`${address} ${listen.port}`, address]),
    );
    for (const [name, entry] of this.#entries) {
      if (wanted.has(name)) continue;
      void entry.listener?.close();
      this.#entries.delete(name);
    }
    for (const [name, address] of wanted) {
      if (!this.#entries.has(name)) this.#entries.set(name, { address, port: listen.port });
    }
    await this.#reconcile();
  }

  problems(): ListenProblem[] {
    return [...this.#entries.values()].flatMap(({ address, problem }) =>
      problem === undefined ? [] : [{ address, reason: problem }],
    );
  }

  /** Ports that are listened on, for tests that ask for any. */
  ports(): number[] {
    return [...this.#entries.values()].flatMap(({ listener }) => (listener ? [listener.port] : []));
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    for (const { listener } of this.#entries.values()) void listener?.close();
    this.#entries.clear();
  }

  async #reconcile(): Promise<void> {
    clearTimeout(this.#retry);
    await Promise.all([...this.#entries.values()].map((entry) => this.#open(entry)));
    if (this.#closed) return;
    if (this.problems().length === 0) this.#retryMilliseconds = FIRST_RETRY_MILLISECONDS;
    else {
      this.#retry = setTimeout(() => void this.#reconcile(), this.#retryMilliseconds);
      this.#retryMilliseconds = Math.min(2 * this.#retryMilliseconds, LONGEST_RETRY_MILLISECONDS);
    }
  }

  async #open(entry: Entry): Promise<void> {
    try {
      if (entry.listener === undefined) await this.#listen(entry);
      entry.listener?.setKeys(this.#keysFor(entry));
      delete entry.problem;
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (entry.problem !== reason) this.#onProblem({ address: entry.address, reason });
      entry.problem = reason;
    }
  }

  async #listen(entry: Entry): Promise<void> {
    const listener = await this.#sockets.listen({
      address: entry.address,
      port: entry.port,
      keys: this.#keysFor(entry),
      onConnection: this.#onConnection,
      onError: (error) => {
        entry.problem = error.message;
        delete entry.listener;
        void this.#reconcile();
      },
    });
    const stillWanted = !this.#closed && [...this.#entries.values()].includes(entry);
    // Configured away, or opened by another reconciliation, while this one waited.
    if (stillWanted && entry.listener === undefined) entry.listener = listener;
    else await listener.close();
  }

  /** Keys of the other address family belong to the other listeners. */
  #keysFor({ address }: Entry): ListenerKey[] {
    return this.#keys.filter((key) => ipVersion(key.address) === ipVersion(address));
  }
}

function addressesOf({ addresses }: ListenConfig): readonly IpAddress[] {
  return addresses === "any" ? [IpAddress("0.0.0.0"), IpAddress("::")] : addresses;
}
