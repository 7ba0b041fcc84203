import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { peerCredentials, peerIsInGroup } from "../kernel/native/peer-credentials.ts";
import { formatExactJson } from "../lib/exact-json.ts";
import { ApiError } from "./api-error.ts";
import type { ApiSource } from "./api-source.ts";
import type { ErrorReport } from "./api-types.ts";
import { ConnectionQuota } from "./connection-quota.ts";
import { type ApiRequest, ENDPOINTS, type Endpoint } from "./endpoints.ts";
import { UnixListener } from "./unix-listener.ts";

/** Who may act besides root. */
export const ACTING_GROUP = "tortie";

/** A collection of garbage names every container that lives. */
const LONGEST_BODY = 1 << 20;

export type ApiServerOptions = {
  readonly path: string;
  readonly source: ApiSource;
  /** Says whether the other end of a connection may act; by default root and the members of `tortie`. */
  readonly mayAct?: (socket: Socket) => boolean;
  /** Whose connection it is; by default the kernel says. */
  readonly userOf?: (socket: Socket) => number;
  readonly onError: (error: Error) => void;
};

const NO_ROOM_BODY = JSON.stringify({
  error: { code: "exhausted", what: "too many connections of this user", fix: "close some" },
} satisfies ErrorReport);

/** Said before anything is read, so it is the whole conversation. */
const NO_ROOM = `HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${NO_ROOM_BODY.length}\r\n\r\n${NO_ROOM_BODY}`;

/**
 * HTTP and JSON over a unix socket. Everyone on the host may read; who acts must be root or of group `tortie`, which the
 * kernel tells (SO_PEERCRED), so there are no passwords and nothing listens on a network.
 */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #quota = new ConnectionQuota();
  #listener: UnixListener | undefined;

  private constructor(options: ApiServerOptions) {
    this.#options = options;
  }

  /** Listens. Rejects when another daemon answers at the same path; a socket that nobody serves is replaced. */
  static async start(options: ApiServerOptions): Promise<ApiServer> {
    const api = new ApiServer(options);
    await api.#listen();
    return api;
  }

  /** Lets answers that are on their way end, then closes and removes the socket. */
  async close(): Promise<void> {
    await this.#listener?.close();
  }

  async #listen(): Promise<void> {
    const { path, onError } = this.#options;
    this.#listener = await UnixListener.start({
      path,
      onRequest: (request, response) => void this.#answer(request, response),
      onConnection: (socket) => this.#admit(socket),
      onError,
    });
  }

  #admit(socket: Socket): void {
    // Whoever is gone before he was counted needs no place.
    if (socket.destroyed) return;
    const release = this.#quota.admit((this.#options.userOf ?? userOf)(socket));
    if (release === undefined) socket.end(NO_ROOM);
    else socket.once("close", release);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const url = new URL(request.url ?? "/", "http://tortie");
      const { endpoint, parameters } = findEndpoint(request.method ?? "GET", url.pathname);
      if (endpoint.act) this.#checkActor(request.socket);
      const body = endpoint.method === "POST" ? await readJson(request) : undefined;
      const query = Object.fromEntries(url.searchParams);
      const apiRequest: ApiRequest = { parameters, query, body };
      send(response, 200, await endpoint.answer(apiRequest, this.#options.source));
    } catch (error) {
      this.#refuse(response, error);
    }
  }

  #refuse(response: ServerResponse, error: unknown): void {
    if (error instanceof ApiError) {
      send(response, error.status, { error: error.detail } satisfies ErrorReport);
      return;
    }
    this.#options.onError(error instanceof Error ? error : new Error(String(error)));
    // What went wrong inside is for the log; it may quote what the reader must not see.
    const report: ErrorReport = {
      error: { code: "internal", what: "the daemon failed to answer", fix: "see its log" },
    };
    if (response.headersSent) response.destroy();
    else send(response, 500, report);
  }

  #checkActor(socket: Socket): void {
    const mayAct = this.#options.mayAct ?? isRootOrGroup;
    if (mayAct(socket)) return;
    throw new ApiError({
      code: "not-permitted",
      what: "only root and members of group tortie may do this",
      cause: `this connection comes from user id ${peerCredentials(socket).uid}`,
      fix: `sudo usermod -aG ${ACTING_GROUP} "$USER", then log in again`,
    });
  }
}

function userOf(socket: Socket): number {
  return peerCredentials(socket).uid;
}

function isRootOrGroup(socket: Socket): boolean {
  return peerCredentials(socket).uid === 0 || peerIsInGroup(socket, ACTING_GROUP);
}

type Found = {
  readonly endpoint: Endpoint;
  readonly parameters: { readonly [name: string]: string };
};

function findEndpoint(method: string, path: string): Found {
  const matches = ENDPOINTS.flatMap((endpoint) => {
    const parameters = matchPath(endpoint.path, path);
    return parameters === undefined ? [] : [{ endpoint, parameters }];
  });
  const found = matches.find(({ endpoint }) => endpoint.method === method);
  if (found !== undefined) return found;
  const allowed = matches.map(({ endpoint }) => endpoint.method);
  if (allowed.length === 0) {
    throw new ApiError({
      code: "not-found",
      what: `there is no ${path}`,
      fix: ENDPOINTS.map((endpoint) => endpoint.path).join(" "),
    });
  }
  throw new ApiError({ code: "method-not-allowed", what: `${path} takes ${allowed.join(", ")}` });
}

function matchPath(pattern: string, path: string): { [name: string]: string } | undefined {
  const wanted = pattern.split("/");
  const parts = path.split("/");
  if (wanted.length !== parts.length) return undefined;
  const parameters: { [name: string]: string } = {};
  for (const [i, word] of wanted.entries()) {
    const part = parts[i] ?? "";
    if (!word.startsWith(":")) {
      if (word !== part) return undefined;
    } else parameters[word.slice(1)] = decodePart(part);
  }
  return parameters;
}

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch (cause) {
    const what = `not percent-encoding: ${part}`;
    throw new ApiError({ code: "bad-request", what }, { cause });
  }
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    length += (chunk as Buffer).length;
    if (length > LONGEST_BODY) {
      throw new ApiError({ code: "too-large", what: `a body has at most ${LONGEST_BODY} octets` });
    }
    chunks.push(chunk as Buffer);
  }
  if (length === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (cause) {
    throw new ApiError({ code: "bad-request", what: "the body is not JSON" }, { cause });
  }
}

function send(response: ServerResponse, status: number, body: object | string): void {
  const isText = typeof body === "string";
  const bytes = Buffer.from(isText ? body : `${formatExactJson(body)}\n`);
  response.writeHead(status, {
    "content-type": isText
      ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
      : "application/json; charset=utf-8",
    "content-length": bytes.length,
  });
  response.end(bytes);
}
