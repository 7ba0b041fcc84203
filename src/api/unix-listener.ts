import { mkdirSync, statSync, unlinkSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import { createConnection, type Socket } from "node:net";
import { dirname } from "node:path";

/** A connection that says nothing for this long is closed. */
const IDLE_MILLISECONDS = 30_000;
/** How often the socket's file is looked for: somebody may have emptied /run. */
const LOOK_MILLISECONDS = 2_000;
const LAST_ANSWERS_MILLISECONDS = 500;

export type UnixListenerOptions = {
  readonly path: string;
  readonly onRequest: RequestListener;
  readonly onConnection: (socket: Socket) => void;
  readonly onError: (error: Error) => void;
};

/** Which file a path leads to. */
type FileIdentity = { readonly dev: number; readonly ino: number };

/**
 * An HTTP server on a unix socket whose file may be deleted: then it is made anew, and connections that stand go on. A file
 * that another program put there is left alone.
 */
export class UnixListener {
  readonly #options: UnixListenerOptions;
  #server: Server;
  #file: FileIdentity | undefined;
  #timer: NodeJS.Timeout | undefined;
  #lost = false;

  private constructor(options: UnixListenerOptions) {
    this.#options = options;
    this.#server = this.#makeServer();
  }

  /** Listens. Rejects when another daemon answers at the same path; a socket that nobody serves is replaced. */
  static async start(options: UnixListenerOptions): Promise<UnixListener> {
    const listener = new UnixListener(options);
    await listener.#listen();
    listener.#watch();
    return listener;
  }

  /** Lets answers that are on their way end, then closes and removes the socket. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const server = this.#server;
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeIdleConnections();
    const timer = setTimeout(() => server.closeAllConnections(), LAST_ANSWERS_MILLISECONDS);
    await closed;
    clearTimeout(timer);
  }

  #makeServer(): Server {
    const { onRequest, onConnection, onError } = this.#options;
    const times = { keepAliveTimeout: IDLE_MILLISECONDS, requestTimeout: IDLE_MILLISECONDS };
    return createServer(times, onRequest).on("connection", onConnection).on("error", onError);
  }

  async #listen(): Promise<void> {
    const { path } = this.#options;
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    await removeStaleSocket(path);
    const server = this.#server;
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ path, readableAll: true, writableAll: true }, () => {
        server.off("error", reject);
        resolve();
      });
    });
    this.#file = identityOf(path);
  }

  #watch(): void {
    this.#timer = setInterval(() => this.#look(), LOOK_MILLISECONDS).unref();
  }

  #look(): void {
    const { path, onError } = this.#options;
    const now = identityOf(path);
    if (now !== undefined) {
      const foreign = now.ino !== this.#file?.ino || now.dev !== this.#file.dev;
      if (foreign && !this.#lost) onError(new Error(`another program has taken ${path}`));
      this.#lost = foreign;
      return;
    }
    // The old server stops to listen; closing it would remove the new file of the same name, so it goes first.
    this.#server.close();
    this.#server = this.#makeServer();
    this.#listen().catch((error: Error) => onError(error));
  }
}

function identityOf(path: string): FileIdentity | undefined {
  return statSync(path, { throwIfNoEntry: false });
}

/** A daemon that was killed leaves its socket behind; one that lives must keep it. */
async function removeStaleSocket(path: string): Promise<void> {
  const answers = await new Promise<boolean>((resolve) => {
    const socket = createConnection({ path });
    socket.on("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.on("error", () => resolve(false));
  });
  if (answers) throw new Error(`another daemon answers at ${path}`);
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
