import type { IncomingMessage, ServerResponse } from "node:http";
import { unreachable } from "../../../protocol/types/never.ts";
import { type DockerAnswer, DockerClient, DockerError } from "./docker-client.ts";
import type { DockerLog } from "./docker-log.ts";
import { type ProxiedRoute, proxiedRoute } from "./proxied-route.ts";

/** What the front door adds to docker. Bodies are JSON values, not yet checked. */
export type ProxyHooks = {
  /** Before a container is created; undefined leaves the request as it is. Rejects with a Refusal. */
  readonly prepareCreate: (request: unknown) => Promise<PreparedCreate | undefined>;
  /** What `docker inspect` shall say of a container. */
  readonly inspected: (container: unknown) => Promise<unknown>;
  /** What `docker ps` shall say. */
  readonly listed: (containers: unknown) => Promise<unknown>;
  /** Removes a container by `forward`, and what belonged to it once docker has removed it. */
  readonly remove: (
    container: string,
    forward: () => Promise<DockerAnswer>,
  ) => Promise<DockerAnswer>;
};

export type PreparedCreate = {
  readonly request: unknown;
  /** Docker has the container now. */
  readonly created: () => void;
  /** Docker refused the container: undo. */
  readonly undo: () => Promise<void>;
};

/** Why a request goes no further, as an HTTP status and a sentence that docker's clients show. */
export class Refusal extends Error {
  readonly status: 400 | 409 | 500 | 503;

  constructor(status: Refusal["status"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "Refusal";
    this.status = status;
  }
}

export type ProxiedAnswerOptions = {
  readonly dockerSocket: string;
  readonly hooks: ProxyHooks;
  readonly log: DockerLog;
};

/** A container's description; its environment and labels may be long, but not like this. */
const LONGEST_REQUEST = 16 * 1024 * 1024;
/** Docker may take as long as it likes to stop and remove a container. */
const NO_DEADLINE = 0;

/** Answers one of the requests in which the proxy takes part. Never rejects. */
export async function answerProxied(
  request: IncomingMessage,
  response: ServerResponse,
  options: ProxiedAnswerOptions,
): Promise<void> {
  try {
    const route = proxiedRoute(request.method ?? "", request.url ?? "");
    if (route === undefined) throw new Refusal(400, "tortie does not take part in this request");
    const body = await readBody(request);
    const docker = new DockerClient(options.dockerSocket);
    const forward = (changed: Buffer = body) =>
      docker.exchange({
        method: request.method ?? "GET",
        path: request.url ?? "/",
        headers: endToEndHeaders(request),
        body: changed.length > 0 ? changed : undefined,
        milliseconds: NO_DEADLINE,
      });
    send(response, await answer(route, { body, forward, hooks: options.hooks }));
  } catch (error) {
    const { status, message } = refusalOf(error, options.log);
    const text = `${JSON.stringify({ message })}\n`;
    send(response, {
      status,
      headers: { "content-type": "application/json" },
      body: Buffer.from(text),
    });
  }
}

type Exchange = {
  readonly body: Buffer;
  readonly forward: (body?: Buffer) => Promise<DockerAnswer>;
  readonly hooks: ProxyHooks;
};

async function answer(route: ProxiedRoute, exchange: Exchange): Promise<DockerAnswer> {
  const { forward, hooks } = exchange;
  switch (route.type) {
    case "create":
      return create(exchange);
    case "inspect":
      return rewritten(await forward(), hooks.inspected);
    case "list":
      return rewritten(await forward(), hooks.listed);
    case "remove":
      return hooks.remove(route.container, () => forward());
    default:
      return unreachable(route);
  }
}

async function create({ body, forward, hooks }: Exchange): Promise<DockerAnswer> {
  const request = parseJson(body);
  // What is not JSON is docker's to complain about.
  const prepared = request === undefined ? undefined : await hooks.prepareCreate(request);
  if (prepared === undefined) return forward();
  try {
    const answered = await forward(Buffer.from(JSON.stringify(prepared.request)));
    if (answered.status === 201) prepared.created();
    else await prepared.undo();
    return answered;
  } catch (error) {
    await prepared.undo();
    throw error;
  }
}

async function rewritten(
  answered: DockerAnswer,
  rewrite: (value: unknown) => Promise<unknown>,
): Promise<DockerAnswer> {
  if (answered.status !== 200) return answered;
  const value = parseJson(answered.body);
  if (value === undefined) return answered;
  const changed = await rewrite(value);
  // Whatever is not changed stays as docker wrote it, octet for octet.
  if (changed === value) return answered;
  return { ...answered, body: Buffer.from(`${JSON.stringify(changed)}\n`) };
}

function refusalOf(error: unknown, log: DockerLog): { status: number; message: string } {
  if (error instanceof Refusal) return { status: error.status, message: error.message };
  if (error instanceof DockerError) return { status: 502, message: error.message };
  const cause = error instanceof Error ? error : new Error(String(error));
  log("error", "docker.proxy-failed", { error: cause.stack ?? cause.message });
  return { status: 500, message: `tortie failed to answer: ${cause.message}` };
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    length += bytes.length;
    if (length > LONGEST_REQUEST) throw new Refusal(400, "the container's description is too long");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Header fields that mean something beyond this connection. RFC 9110 §7.6.1. */
function endToEndHeaders(request: IncomingMessage): { [name: string]: string | string[] } {
  const kept: { [name: string]: string | string[] } = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name)) kept[name] = value;
  }
  return kept;
}

const HOP_BY_HOP = new Set([
  "connection",
  "content-length",
  "expect",
  "keep-alive",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

function send(response: ServerResponse, { status, headers, body }: DockerAnswer): void {
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined && !HOP_BY_HOP.has(name)) response.setHeader(name, value);
  }
  response.setHeader("Content-Length", body.length);
  response.writeHead(status);
  response.end(body);
}
