import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { DockerLog } from "./docker-log.ts";

/**
 * The protocol between docker and a plugin: POST /METHOD with JSON over a unix socket in docker's plugin folder, where the
 * file's name is the driver's. https://docs.docker.com/engine/extend/plugin_api/
 */
export type PluginMethods = { readonly [method: string]: PluginMethod | undefined };

/** Answers one call; what it rejects with is shown to whoever asked docker. */
export type PluginMethod = (call: PluginCall) => Promise<object>;

/** The body of a call, not checked yet. */
export type PluginCall = Readonly<Record<string, unknown>>;

const LONGEST_CALL = 4 * 1024 * 1024;
const CONTENT_TYPE = "application/vnd.docker.plugins.v1.1+json";

/** Serves the same drivers under several names. */
export class PluginServer {
  readonly #servers: Server[] = [];
  readonly #methods: PluginMethods;
  readonly #log: DockerLog;

  private constructor(methods: PluginMethods, log: DockerLog) {
    this.#methods = methods;
    this.#log = log;
  }

  /** Listens at FOLDER/NAME.sock for each name; a socket that an earlier process left there is replaced. */
  static async start(options: {
    readonly folder: string;
    readonly names: readonly string[];
    readonly methods: PluginMethods;
    readonly log: DockerLog;
  }): Promise<PluginServer> {
    const plugin = new PluginServer(options.methods, options.log);
    mkdirSync(options.folder, { recursive: true, mode: 0o755 });
    for (const name of options.names) await plugin.#listen(join(options.folder, `${name}.sock`));
    return plugin;
  }

  /** Stops listening. Docker asks again for half a minute, which is longer than a restart takes. */
  async close(): Promise<void> {
    await Promise.all(
      this.#servers.map((server) => {
        const closed = new Promise((done) => server.close(done));
        server.closeAllConnections();
        return closed;
      }),
    );
  }

  async #listen(path: string): Promise<void> {
    await rm(path, { force: true });
    const server = createServer({ requestTimeout: 0 }, (request, response) => {
      void this.#answer(request, response);
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(path, resolve);
    });
    server.on("error", (error) =>
      this.#log("error", "docker.plugin-failed", { error: error.message }),
    );
    this.#servers.push(server);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const name = (request.url ?? "/").slice(1);
    try {
      const method = Object.hasOwn(this.#methods, name) ? this.#methods[name] : undefined;
      if (method === undefined) {
        send(response, 404, { Err: `tortie has no ${name}` });
        return;
      }
      const answer = await method(await readCall(request));
      this.#log("debug", "docker.plugin-call", { method: name });
      send(response, 200, answer);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      this.#log("warn", "docker.plugin-refused", { method: name, why: message });
      send(response, 500, { Err: message });
    }
  }
}

async function readCall(request: IncomingMessage): Promise<PluginCall> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    const bytes = chunk as Buffer;
    length += bytes.length;
    if (length > LONGEST_CALL) throw new Error("the call is too long");
    chunks.push(bytes);
  }
  const text = Buffer.concat(chunks).toString("utf8");
  const call: unknown = text.trim() === "" ? {} : JSON.parse(text);
  if (typeof call !== "object" || call === null || Array.isArray(call)) {
    throw new Error("the call is no JSON object");
  }
  return call as PluginCall;
}

function send(response: ServerResponse, status: number, answer: object): void {
  const body = Buffer.from(JSON.stringify(answer));
  response.writeHead(status, { "content-type": CONTENT_TYPE, "content-length": body.length });
  response.end(body);
}
