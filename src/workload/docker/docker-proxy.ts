/*
 * The Docker API on loopback, port 2377, as in 2015. What docker needs no help with passes as octets in both directions:
 * hijacked attach and exec, `logs -f`, builds, events, half-closed streams, bodies of any size, errors. To make that simple,
 * each connection carries one request: the proxy reads its head, adds "Connection: close", and is a pipe from then on.
 * Only the requests of proxied-route.ts are answered by hooks, through Node's own HTTP server.
 *
 * Whoever reaches the Docker API is root. So the proxy listens on loopback only and serves only clients whose sockets belong
 * to root or to members of group docker, and never a web page that sits in such a user's browser.
 */
import { createServer as createHttpServer, type Server as HttpServer } from "node:http";
import { connect, createServer, type Server, type Socket } from "node:net";
import type { DockerLog } from "./docker-log.ts";
import { answerProxied, type ProxyHooks } from "./proxied-answer.ts";
import { proxiedRoute } from "./proxied-route.ts";
import { clientOf, mayUseDocker, type ProxyClient } from "./proxy-client.ts";
import {
  asOnlyRequest,
  headerValue,
  isUpgrade,
  type RequestHead,
  readHead,
  writeHead,
} from "./request-head.ts";

export type DockerProxyOptions = {
  readonly port: number;
  /** Docker's own socket, which the proxy stands in front of. */
  readonly dockerSocket: string;
  readonly hooks: ProxyHooks;
  readonly log: DockerLog;
  /** Who is at the other end; the kernel says, unless a test does. */
  readonly clientOf?: (socket: Socket) => ProxyClient;
};

/** `localhost` is either of them, and which one a client tries first is its own business. */
const LOOPBACK_ADDRESSES = ["127.0.0.1", "::1"] as const;
const MOST_CONNECTIONS = 1024;
/** A client that has not sent its request by then is let go. */
const HEAD_MILLISECONDS = 30_000;

/** The listener in front of docker. */
export class DockerProxy {
  readonly #options: DockerProxyOptions;
  readonly #http: HttpServer;
  readonly #listeners: Server[] = [];
  readonly #sockets = new Set<Socket>();

  private constructor(options: DockerProxyOptions) {
    this.#options = options;
    this.#http = createHttpServer({ keepAlive: false, requestTimeout: 0 }, (request, response) => {
      response.setHeader("Connection", "close");
      void answerProxied(request, response, options);
    });
  }

  /** Listens on the loopback addresses that this host has. Rejects when the port is taken. */
  static async start(options: DockerProxyOptions): Promise<DockerProxy> {
    const proxy = new DockerProxy(options);
    for (const address of LOOPBACK_ADDRESSES) await proxy.#listen(address);
    return proxy;
  }

  /** Where it listens; port 0 was replaced by the one that the kernel chose. */
  get port(): number {
    const address = this.#listeners[0]?.address();
    return typeof address === "object" && address !== null ? address.port : this.#options.port;
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const closed = this.#listeners.map((listener) => new Promise((done) => listener.close(done)));
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(closed);
  }

  async #listen(address: string): Promise<void> {
    const listener = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) =>
      this.#accept(socket),
    );
    listener.maxConnections = MOST_CONNECTIONS;
    try {
      await new Promise<void>((resolve, reject) => {
        listener.once("error", reject);
        listener.listen({ host: address, port: this.port }, resolve);
      });
    } catch (error) {
      // Many hosts have IPv6 switched off.
      if ((error as NodeJS.ErrnoException).code === "EADDRNOTAVAIL") return;
      if ((error as NodeJS.ErrnoException).code === "EAFNOSUPPORT") return;
      await this.close();
      throw error;
    }
    listener.on("error", (error) =>
      this.#options.log("error", "docker.proxy-failed", { error: error.message }),
    );
    this.#listeners.push(listener);
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    // A client that goes away in the middle is no event.
    socket.on("error", () => socket.destroy());
    // Whoever only knocks, to see whether the port is open, has gone by now.
    if (socket.remotePort === undefined) {
      socket.destroy();
      return;
    }
    const client = (this.#options.clientOf ?? clientOf)(socket);
    if (client.type === "user" && mayUseDocker(client)) {
      this.#readHead(socket);
      return;
    }
    this.#options.log("warn", "docker.client-refused", {
      ...(client.type === "user" && { uid: client.uid }),
    });
    socket.resume();
    refuse(socket, 403, "only root and members of group docker may use docker through tortie");
  }

  #readHead(socket: Socket): void {
    let bytes: Buffer = Buffer.alloc(0);
    const timer = setTimeout(() => socket.destroy(), HEAD_MILLISECONDS);
    const done = () => {
      clearTimeout(timer);
      socket.off("data", onData);
      socket.off("end", done);
      socket.off("close", done);
    };
    const onData = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const read = readHead(bytes);
      if (read.type === "incomplete") return;
      done();
      socket.pause();
      if (read.type === "head") this.#serve(socket, read.head, bytes, read.rest);
      else refuse(socket, 400, `tortie cannot pass this request on: ${read.why}`);
    };
    socket.on("data", onData);
    socket.once("end", () => {
      done();
      if (bytes.length === 0) socket.end();
    });
    socket.once("close", done);
    socket.resume();
  }

  #serve(socket: Socket, head: RequestHead, bytes: Buffer, rest: Buffer): void {
    if (comesFromWebPage(head)) {
      refuse(socket, 403, "docker through tortie is not for web pages");
      return;
    }
    if (proxiedRoute(head.method, head.target) !== undefined) {
      socket.unshift(bytes);
      this.#http.emit("connection", socket);
      // It was paused here, and only flowing does the server's parser get what was put back.
      socket.resume();
      return;
    }
    this.#pipe(socket, isUpgrade(head) ? head : asOnlyRequest(head), rest);
  }

  #pipe(socket: Socket, head: RequestHead, rest: Buffer): void {
    const { dockerSocket } = this.#options;
    const upstream = connect({ path: dockerSocket, allowHalfOpen: true });
    let connected = false;
    upstream.once("connect", () => {
      connected = true;
      upstream.write(writeHead(head));
      if (rest.length > 0) upstream.write(rest);
      socket.pipe(upstream);
      upstream.pipe(socket);
    });
    upstream.once("error", (error) => {
      if (connected) socket.destroySoon();
      else refuse(socket, 502, unreachableText(dockerSocket, error));
    });
    // Docker has closed all of its side: nothing that the client could still say would be heard.
    upstream.once("close", () => socket.destroySoon());
    socket.once("close", () => upstream.destroy());
  }
}

/** Why docker does not answer, for the person who asked. */
export function unreachableText(dockerSocket: string, error: Error): string {
  return `tortie cannot reach docker at ${dockerSocket} (${error.message}): is it running?`;
}

/** Browsers say where a request comes from; docker's clients never do. A page must not be root because its reader is. */
function comesFromWebPage(head: RequestHead): boolean {
  return (
    headerValue(head, "origin") !== undefined || headerValue(head, "sec-fetch-site") !== undefined
  );
}

/** An answer as docker's clients show it. */
function refuse(socket: Socket, status: 400 | 403 | 502, message: string): void {
  const body = `${JSON.stringify({ message })}\n`;
  const reason = { 400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway" }[status];
  const head = [
    `HTTP/1.1 ${status} ${reason}`,
    "Content-Type: application/json",
    `Content-Length: ${Buffer.byteLength(body)}`,
    "Connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
  socket.resume();
}
