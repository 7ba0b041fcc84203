/*
 * The head of an HTTP/1.1 request, read without touching what follows it. The proxy looks at nothing else of what it passes
 * on: bodies, answers and hijacked streams stay octets.
 */

/** A request's first lines, as far as a proxy cares. RFC 9112 §3. */
export type RequestHead = {
  readonly method: string;
  readonly target: string;
  readonly version: string;
  readonly fields: readonly HeaderField[];
};

export type HeaderField = { readonly name: string; readonly value: string };

export type HeadResult =
  /** `rest` is what came after the empty line. */
  | { readonly type: "head"; readonly head: RequestHead; readonly rest: Buffer }
  | { readonly type: "incomplete" }
  | { readonly type: "malformed"; readonly why: string };

/** What Go's HTTP server takes, too; registry credentials in X-Registry-Auth may be long. */
export const LONGEST_HEAD = 1024 * 1024;

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const REQUEST_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (\S+) (HTTP\/1\.[01])$/;
const FIELD_LINE = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*(.*?)[ \t]*$/;

/** Reads the head once all of it is there. */
export function readHead(bytes: Buffer): HeadResult {
  const end = bytes.indexOf(END_OF_HEAD);
  if (end < 0) {
    if (bytes.length > LONGEST_HEAD) return { type: "malformed", why: "its head is too long" };
    return { type: "incomplete" };
  }
  const [requestLine = "", ...lines] = bytes.toString("latin1", 0, end).split("\r\n");
  const [, method, target, version] = REQUEST_LINE.exec(requestLine) ?? [];
  if (method === undefined || target === undefined || version === undefined) {
    return { type: "malformed", why: "it is not HTTP/1.1" };
  }
  const fields: HeaderField[] = [];
  for (const line of lines) {
    const [, name, value] = FIELD_LINE.exec(line) ?? [];
    if (name === undefined || value === undefined) {
      return { type: "malformed", why: "it has a header field without a name" };
    }
    fields.push({ name, value });
  }
  const rest = bytes.subarray(end + END_OF_HEAD.length);
  return { type: "head", head: { method, target, version, fields }, rest };
}

/** The value of a field, whatever the case of its name; the first one, where there are several. */
export function headerValue(head: RequestHead, name: string): string | undefined {
  const lower = name.toLowerCase();
  return head.fields.find((field) => field.name.toLowerCase() === lower)?.value;
}

/** Whether the connection stops being HTTP after this request. RFC 9110 §7.8. */
export function isUpgrade(head: RequestHead): boolean {
  const options = (headerValue(head, "connection") ?? "").toLowerCase().split(/[ \t]*,[ \t]*/);
  return options.includes("upgrade") && headerValue(head, "upgrade") !== undefined;
}

/** The same request, as the only one of its connection: everything after it is its body. RFC 9112 §9.6. */
export function asOnlyRequest(head: RequestHead): RequestHead {
  const fields = head.fields.filter(({ name }) => !CONNECTION_FIELDS.has(name.toLowerCase()));
  return { ...head, fields: [...fields, { name: "Connection", value: "close" }] };
}

/** The octets of a head. */
export function writeHead({ method, target, version, fields }: RequestHead): Buffer {
  const lines = fields.map(({ name, value }) => `${name}: ${value}\r\n`).join("");
  return Buffer.from(`${method} ${target} ${version}\r\n${lines}\r\n`, "latin1");
}

const CONNECTION_FIELDS = new Set(["connection", "keep-alive", "proxy-connection"]);
