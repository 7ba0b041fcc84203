import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";

/** What a wire does to the connections that go over it. */
export type WireState =
  | "open"
  /** Connections are reset, and new ones too. */
  | "cut"
  /** Connections stay, and nothing comes through: a black hole. */
  | "stalled";

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
    this.#server = createServer({ pauseOnConnect: true }, (socket) => void this.#accept(socket));
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

  async #accept(near: Socket): Promise<void> {
    near.on("error", () => {});
    if (this.#state === "cut") {
      near.resetAndDestroy();
      return;
    }
    const far = connect(this.#target, "127.0.0.1");
    const connection = new WireConnection(near, far);
    this.#connections.add(connection);
    near.on("close", () => this.#connections.delete(connection));
    if (this.#options.callerOf !== undefined) {
      near.resume();
      const first: unknown[] = await once(near, "data").catch(() => []);
      near.pause();
      const [bytes] = first;
      if (!Buffer.isBuffer(bytes)) return;
      connection.caller = this.#options.callerOf(bytes.toString("latin1"));
      if (connection.caller !== undefined && this.#barred.has(connection.caller)) {
        connection.become("cut");
        return;
      }
      far.write(bytes);
    }
    connection.join();
    connection.become(this.#state);
  }
}

class WireConnection {
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

  join(): void {
    this.#near.on("data", (bytes: Buffer) => this.#far.write(bytes));
    this.#far.on("data", (bytes: Buffer) => this.#near.write(bytes));
  }

  become(state: WireState): void {
    if (state === "cut") {
      this.#near.resetAndDestroy();
      this.#far.resetAndDestroy();
    }
    for (const socket of [this.#near, this.#far]) {
      if (state === "stalled") socket.pause();
      else socket.resume();
    }
  }
}
