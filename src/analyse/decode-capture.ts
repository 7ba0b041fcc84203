import { BgpCapture, type BgpRecord } from "../../protocol/capture/bgp-capture.ts";
import { readCapture } from "../../protocol/capture/capture-file.ts";
import { CaptureError } from "../../protocol/capture/packet.ts";
import { ProtocolError } from "../../protocol/wire/protocol-error.ts";
import { messageText } from "./message-text.ts";

/** Counts at the end of a capture; `damage` is why reading stopped before its end. */
export type DecodeSummary = {
  readonly packets: number;
  readonly sessions: number;
  readonly messages: number;
  readonly errors: number;
  readonly skippedOctets: number;
  readonly damage?: string;
};

/**
 * Hands every BGP record of a pcap or pcapng file to `onRecord`, in order. Streams that hold no BGP at all are left out.
 * Throws CaptureError only when the file is no capture; one that breaks off is read as far as it goes.
 */
export function decodeCapture(
  file: Uint8Array,
  onRecord: (record: BgpRecord) => void,
): DecodeSummary {
  const capture = new BgpCapture();
  const speaking = new Set<number>();
  const summary = { packets: 0, sessions: 0, messages: 0, errors: 0, skippedOctets: 0 };
  const take = (record: BgpRecord) => {
    if (record.decoded === undefined) {
      if (!speaking.has(record.session)) return;
      summary.skippedOctets += record.frame.bytes.length;
    } else {
      speaking.add(record.session);
      summary.messages += 1;
      if (record.decoded instanceof ProtocolError) summary.errors += 1;
    }
    onRecord(record);
  };
  let damage: string | undefined;
  try {
    for (const packet of readCapture(file)) {
      summary.packets += 1;
      for (const record of capture.add(packet)) take(record);
    }
  } catch (error) {
    if (!(error instanceof CaptureError) || summary.packets === 0) throw error;
    damage = error.message;
  }
  for (const record of capture.finish()) take(record);
  summary.sessions = speaking.size;
  return { ...summary, ...(damage !== undefined && { damage }) };
}

/** "#1 05:41:02.240113 10.0.0.1:179 > 10.0.0.2:41822 UPDATE +… [9+10]". */
export function recordText(record: BgpRecord): string {
  const { source, destination, frame, session } = record;
  const [first, last] = frame.packets;
  const time = new Date(last.timestampMicroseconds / 1000).toISOString().slice(11, 23);
  const frames = first.number === last.number ? `${last.number}` : `${first.number}-${last.number}`;
  const guess = record.contextFrom === "guess" && isUpdate(record) ? guessText(record) : "";
  return `#${session} ${time} ${endpoint(source)} > ${endpoint(destination)} ${bodyText(record)}${guess} [${frames}]`;
}

function isUpdate({ decoded }: BgpRecord): boolean {
  return decoded !== undefined && !(decoded instanceof ProtocolError) && decoded.type === "update";
}

function bodyText({ decoded, frame }: BgpRecord): string {
  if (decoded === undefined) return `(${frame.bytes.length} octets skipped: ${frame.reason})`;
  return decoded instanceof ProtocolError
    ? `MALFORMED ${decoded.message}${decoded.offset === undefined ? "" : ` at octet ${decoded.offset}`}`
    : messageText(decoded);
}

function guessText({ context }: BgpRecord): string {
  const paths = context.addPath.size > 0 ? ", add-path" : "";
  return ` (no OPEN: guessed ${context.fourOctetAsn ? "as4" : "as2"}${paths})`;
}

/** The same as one JSON value: octets as hex, sets as arrays, big integers as strings. */
export function recordJson(record: BgpRecord): object {
  const { source, destination, frame, session, contextFrom, context, decoded } = record;
  const [first, last] = frame.packets;
  return {
    session,
    time: new Date(last.timestampMicroseconds / 1000).toISOString(),
    timestampMicroseconds: last.timestampMicroseconds,
    frames: [first.number, last.number],
    source,
    destination,
    context: { from: contextFrom, ...plain(context) },
    ...(decoded === undefined && { skipped: frame.reason }),
    ...(decoded instanceof ProtocolError && { error: errorJson(decoded) }),
    ...(decoded !== undefined &&
      !(decoded instanceof ProtocolError) && { message: plain(decoded) }),
    octets: hex(frame.bytes),
  };
}

function errorJson({ code, subcode, message, offset, data }: ProtocolError): object {
  return {
    code,
    subcode,
    reason: message,
    ...(offset !== undefined && { offset }),
    data: hex(data),
  };
}

/** Only what JSON can carry. */
function plain(value: object): object {
  const text = JSON.stringify(value, (_key, part: unknown) => {
    if (part instanceof Uint8Array) return hex(part);
    if (part instanceof Set) return [...part];
    return typeof part === "bigint" ? part.toString() : part;
  });
  return JSON.parse(text) as object;
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((octet) => octet.toString(16).padStart(2, "0")).join("");
}

function endpoint({ address, port }: BgpRecord["source"]): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
