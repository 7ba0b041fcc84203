import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";

/** An answer of docker, whole. */
export type DockerAnswer = {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
};

/** Docker refused, or could not be reached. `status` is 0 when there was no answer. */
export class DockerError extends Error {
  readonly status: number;

  constructor(status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DockerError";
    this.status = status;
  }
}

const ANSWER_MILLISECONDS = 20_000;
/** A list of all containers with all their labels is large; more than this is not a list of containers. */
const LONGEST_ANSWER = 64 * 1024 * 1024;

/** Asks docker over its unix socket. Paths have no version: docker then answers as its own newest. */
export class DockerClient {
  readonly #socketPath: string;

  constructor(socketPath: string) {
    this.#socketPath = socketPath;
  }

  /** A request whose answer is JSON; undefined for 404. Anything else that is not a success rejects with DockerError. */
  async json(method: "GET" | "POST" | "DELETE", path: string, body?: unknown): Promise<unknown> {
    const text = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const answer = await this.exchange({
      method,
      path,
      headers: text === undefined ? {} : { "content-type": "application/json" },
      body: text,
    });
    if (answer.status === 404) return undefined;
    if (answer.status >= 300 && answer.status !== 304) {
      throw new DockerError(answer.status, messageOf(answer));
    }
    return answer.body.length === 0 ? undefined : JSON.parse(answer.body.toString("utf8"));
  }

  /** One request and its whole answer, whatever its status. */
  exchange(options: {
    readonly method: string;
    readonly path: string;
    readonly headers?: { readonly [name: string]: string | readonly string[] | undefined };
    readonly body?: Buffer | undefined;
    readonly milliseconds?: number;
  }): Promise<DockerAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<DockerAnswer>();
    const fail = (cause: Error) =>
      reject(new DockerError(0, `docker does not answer: ${cause.message}`, { cause }));
    const timeout = options.milliseconds ?? ANSWER_MILLISECONDS;
    const outgoing = request(
      {
        socketPath: this.#socketPath,
        method: options.method,
        path: options.path,
        headers: {
          host: "docker",
          ...options.headers,
          connection: "close",
          ...(options.body !== undefined && { "content-length": String(options.body.length) }),
        } as { [name: string]: string },
        ...(timeout > 0 && { timeout }),
      },
      (response) => {
        readAll(response).then(
          (body) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
          fail,
        );
      },
    );
    outgoing.once("timeout", () => outgoing.destroy(new Error(`nothing for ${timeout} ms`)));
    outgoing.once("error", fail);
    outgoing.end(options.body);
    return promise;
  }

  /** Docker's events as they happen, one JSON object each, until docker or the signal ends them. */
  async *events(path: string, signal: AbortSignal): AsyncGenerator<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
    const outgoing = request({ socketPath: this.#socketPath, path, signal }, resolve);
    outgoing.once("error", reject);
    outgoing.end();
    const response = await promise;
    if (response.statusCode !== 200) {
      response.destroy();
      throw new DockerError(response.statusCode ?? 0, "docker does not tell its events");
    }
    let text = "";
    for await (const chunk of response) {
      text += String(chunk);
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) if (line.trim() !== "") yield JSON.parse(line);
    }
  }
}

/** What docker says of a refusal. */
export function messageOf({ status, body }: DockerAnswer): string {
  const text = body.toString("utf8").trim();
  try {
    const parsed: unknown = JSON.parse(text);
    const message = (parsed as { readonly message?: unknown }).message;
    if (typeof message === "string") return message;
  } catch {
    // Not JSON: the text itself is the best there is.
  }
  return text === "" ? `docker answers ${status}` : text;
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response) {
    const bytes = chunk as Buffer;
    length += bytes.length;
    if (length > LONGEST_ANSWER) throw new Error("its answer is too long");
    chunks.push(bytes);
  }
  return Buffer.concat(chunks);
}
