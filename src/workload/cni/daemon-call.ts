import { connect } from "node:net";
import { CNI_ERROR, CniError } from "./cni-error.ts";

const TIMEOUT_MILLISECONDS = 60_000;

/**
 * One request to the daemon's API. Written by hand over a socket, because loading Node's HTTP client would take longer than
 * the whole exchange. Rejects with CniError: code 11 when the daemon does not answer, at once.
 */
export function callDaemon(
  socketPath: string,
  {
    method,
    path,
    body,
  }: { readonly method: "GET" | "POST"; readonly path: string; readonly body?: object },
): Promise<{ readonly [field: string]: unknown }> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const chunks: Buffer[] = [];
    const fail = (why: string) => {
      socket.destroy();
      const message = `tortied does not answer at ${socketPath}: try again later`;
      reject(new CniError(CNI_ERROR.tryAgainLater, message, { details: why }));
    };
    socket.setTimeout(TIMEOUT_MILLISECONDS, () => fail("no answer in time"));
    socket.on("error", (error) => fail(error.message));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("close", () => {
      try {
        const answer = readAnswer(Buffer.concat(chunks).toString("utf8"));
        if (answer === undefined) fail("it closed the connection");
        else resolve(answer);
      } catch (error) {
        reject(error);
      }
    });
    const content = body === undefined ? "" : JSON.stringify(body);
    socket.write(
      `${method} ${path} HTTP/1.1\r\nhost: tortie\r\nconnection: close\r\n` +
        `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(content)}\r\n\r\n${content}`,
    );
  });
}

/** Undefined when the answer is cut off. */
function readAnswer(text: string): { readonly [field: string]: unknown } | undefined {
  const end = text.indexOf("\r\n\r\n");
  const status = /^HTTP\/1\.1 (\d{3})/.exec(text)?.[1];
  if (end < 0 || status === undefined) return undefined;
  const answer = parse(text.slice(end + 4));
  if (answer === undefined || status === "200") return answer;
  const error = answer["error"] as { readonly [field: string]: unknown } | undefined;
  const code = CODES[String(error?.["code"])] ?? CNI_ERROR.internal;
  throw new CniError(code, String(error?.["what"] ?? text), {
    details: error?.["fix"] as string | undefined,
  });
}

function parse(text: string): { readonly [field: string]: unknown } | undefined {
  try {
    return JSON.parse(text) as { readonly [field: string]: unknown };
  } catch {
    return undefined;
  }
}

/** The codes of the API's errors (src/api/api-types.ts) in CNI's numbers. */
const CODES: { readonly [code: string]: number } = {
  "bad-request": CNI_ERROR.invalidConfiguration,
  "not-found": CNI_ERROR.unknownContainer,
  "not-permitted": CNI_ERROR.notPermitted,
  "not-ready": CNI_ERROR.tryAgainLater,
  conflict: CNI_ERROR.conflict,
  exhausted: CNI_ERROR.noAddress,
  kernel: CNI_ERROR.kernel,
};
