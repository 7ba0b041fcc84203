import { createConnection } from "node:net";

/** One question to the daemon. */
export type HttpQuestion = {
  readonly socket: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: string | undefined;
  /** Octets that have been silent for this long end the exchange. */
  readonly timeoutMilliseconds: number;
  readonly signal?: AbortSignal | undefined;
};

export type HttpAnswer = { readonly status: number; readonly body: Buffer };

const BLANK_LINE = "\r\n\r\n";

/**
 * Asks in HTTP/1.0 over a unix socket: the server sends one answer as it is and closes, so there is nothing to parse but a
 * line and a length. `node:http` would do the same, but to load it and to send its first request takes as long as a third
 * of starting Node, and a command like `get` or `status` must not feel that. Rejects with the socket's error.
 */
export async function exchange(question: HttpQuestion): Promise<HttpAnswer> {
  const chunks: Buffer[] = [];
  for await (const chunk of converse(question)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  const { status, headerEnd, length } = readHead(bytes);
  const body = bytes.subarray(headerEnd);
  if (length !== undefined && body.length !== length) throw new Error("the answer was cut short");
  return { status, body };
}

/** The answer's octets as they come: for one that goes on until somebody hangs up. */
async function* converse(question: HttpQuestion): AsyncGenerator<Buffer> {
  const { socket: path, method, path: target, body = "", timeoutMilliseconds, signal } = question;
  const connection = createConnection({ path });
  connection.setTimeout(timeoutMilliseconds, () => {
    connection.destroy(new Error("no answer in time"));
  });
  const stop = () => connection.destroy();
  signal?.addEventListener("abort", stop, { once: true });
  const head = [
    `${method} ${target} HTTP/1.0`,
    "Host: tortie",
    "Accept: application/json",
    ...(method === "POST"
      ? ["Content-Type: application/json", `Content-Length: ${Buffer.byteLength(body)}`]
      : []),
  ];
  connection.write(`${head.join("\r\n")}${BLANK_LINE}${body}`);
  try {
    for await (const chunk of connection) yield chunk as Buffer;
  } finally {
    signal?.removeEventListener("abort", stop);
    connection.destroy();
  }
}

type Head = {
  readonly status: number;
  readonly headerEnd: number;
  readonly length: number | undefined;
};

function readHead(bytes: Buffer): Head {
  const end = bytes.indexOf(BLANK_LINE);
  const text = bytes.subarray(0, Math.max(end, 0)).toString("latin1");
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
  if (end < 0 || status === undefined) throw new Error("the answer is not HTTP");
  const length = /^content-length: *(\d+)$/im.exec(text)?.[1];
  return {
    status: Number(status),
    headerEnd: end + BLANK_LINE.length,
    length: length === undefined ? undefined : Number(length),
  };
}
