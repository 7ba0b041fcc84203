import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What a wire does to the connections that go over it. */
export type WireState =
  | "open"
  /** Connections are reset, and new ones too. */
  | "cut"
  /** Connections stay, and nothing comes through: a black hole. */
  | "stalled"
  /** What the caller says comes through, and no answer does. */
  | "mute";

export type WireOptions = {
  /** Names who has connected, from the first bytes that they send. */
  readonly callerOf?: (firstBytes: string) => string | undefined;
};

/** A TCP connection's way to a local port, which a test can break. */
export class Wire {
  readonly #server: Server;
  readonly #connections = new Set<WireConnection>();
  readonly #options: WireOptions;
  readonly #target: number;
  #state: WireState = "open";
  /** Callers that do not get through, whatever the state. */
  readonly #barred = new Set<string>();

  private constructor(target: number, options: WireOptions) {
    this.#target = target;
    this.#options = options;
    this.#server = createServer({ pauseOnConnect: true }, (socket) => this.#accept(socket));
  }

  static async open(target: number, options: WireOptions = {}): Promise<Wire> {
    const wire = new Wire(target, options);
    wire.#server.listen(0, "127.0.0.1");
    await once(wire.#server, "listening");
    return wire;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#connections.size;
  }

  set(state: WireState): void {
    this.#state = state;
    for (const connection of this.#connections) connection.become(state);
  }

  /** Cuts what this caller has and will have. */
  bar(caller: string): void {
    this.#barred.add(caller);
    for (const connection of this.#connections) {
      if (connection.caller === caller) connection.become("cut");
    }
  }

  unbar(): void {
    this.#barred.clear();
  }

  close(): void {
    this.#server.close();
    for (const connection of this.#connections) connection.become("cut");
  }

  /** Whether these bytes may pass. A kept connection may carry requests that do not name the caller before one that does. */
  #lets(connection: WireConnection, bytes: Buffer): boolean {
    connection.caller ??= this.#options.callerOf?.(bytes.toString("latin1"));
    return connection.caller === undefined || !this.#barred.has(connection.caller);
  }

  #accept(near: Socket): void {
    near.on("error", () => {});
    if (this.#state === "cut") {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.#target, "127.0.0.1");
    const connection = new WireConnection(near, far);
    this.#connections.add(connection);
    near.on("close", () => this.#connections.delete(connection));
    connection.join((bytes) => this.#lets(connection, bytes));
    connection.become(this.#state);
  }
}

class WireConnection {
  /** Who it is, as soon as that is known. */
  caller: string | undefined;
  readonly #near: Socket;
  readonly #far: Socket;

  constructor(near: Socket, far: Socket) {
    this.#near = near;
    this.#far = far;
    far.on("error", () => near.resetAndDestroy());
    far.on("close", () => near.destroy());
    near.on("close", () => far.destroy());
  }

  join(lets: (bytes: Buffer) => boolean): void {
    this.#near.on("data", (bytes: Buffer) => {
      if (lets(bytes)) this.#far.write(bytes);
      else this.become("cut");
    });
    this.#far.on("data", (bytes: Buffer) => this.#near.write(bytes));
  }

  become(state: WireState): void {
    if (state === "cut") {
      this.#near.resetAndDestroy();
      this.#far.resetAndDestroy();
    }
    if (state === "stalled") this.#near.pause();
    else this.#near.resume();
    if (state === "stalled" || state === "mute") this.#far.pause();
    else this.#far.resume();
  }
}
