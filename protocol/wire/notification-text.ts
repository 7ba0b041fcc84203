import { Family, formatFamily } from "../types/family.ts";
import { attributeName } from "./attribute/attribute-table.ts";
import type { NotificationMessage } from "./message.ts";
import { toHex, u16, u32 } from "./octets.ts";
import { decodeUtf8, encodeUtf8 } from "./utf8.ts";

type ErrorCode = { readonly name: string; readonly subcodes: ReadonlyMap<number, string> };

function subcodes(...names: readonly (string | undefined)[]): ReadonlyMap<number, string> {
  const named = names.map((name, i) => [i + 1, name] as const);
  return new Map(named.flatMap(([code, name]) => (name === undefined ? [] : [[code, name]])));
}

/** IANA "BGP Error (Notification) Codes" and their subcodes, each list beginning with subcode 1. */
const ERROR_CODES: ReadonlyMap<number, ErrorCode> = new Map<number, ErrorCode>([
  [
    1,
    {
      name: "Message Header Error",
      subcodes: subcodes("Connection Not Synchronized", "Bad Message Length", "Bad Message Type"),
    },
  ],
  [
    2,
    {
      name: "OPEN Message Error",
      subcodes: subcodes(
        "Unsupported Version Number",
        "Bad Peer AS",
        "Bad BGP Identifier",
        "Unsupported Optional Parameter",
        "Authentication Failure",
        "Unacceptable Hold Time",
        "Unsupported Capability",
        undefined,
        undefined,
        undefined,
        "Role Mismatch",
      ),
    },
  ],
  [
    3,
    {
      name: "UPDATE Message Error",
      subcodes: subcodes(
        "Malformed Attribute List",
        "Unrecognized Well-known Attribute",
        "Missing Well-known Attribute",
        "Attribute Flags Error",
        "Attribute Length Error",
        "Invalid ORIGIN Attribute",
        "AS Routing Loop",
        "Invalid NEXT_HOP Attribute",
        "Optional Attribute Error",
        "Invalid Network Field",
        "Malformed AS_PATH",
      ),
    },
  ],
  [4, { name: "Hold Timer Expired", subcodes: subcodes() }],
  [
    5,
    {
      name: "Finite State Machine Error",
      subcodes: subcodes(
        "Unexpected Message in OpenSent State",
        "Unexpected Message in OpenConfirm State",
        "Unexpected Message in Established State",
      ),
    },
  ],
  [
    6,
    {
      name: "Cease",
      subcodes: subcodes(
        "Maximum Number of Prefixes Reached",
        "Administrative Shutdown",
        "Peer De-configured",
        "Administrative Reset",
        "Connection Rejected",
        "Other Configuration Change",
        "Connection Collision Resolution",
        "Out of Resources",
        "Hard Reset",
        "BFD Down",
      ),
    },
  ],
  [7, { name: "ROUTE-REFRESH Message Error", subcodes: subcodes("Invalid Message Length") }],
  [8, { name: "Send Hold Timer Expired", subcodes: subcodes() }],
]);

const CEASE = 6;
const HARD_RESET = 9;
const MAX_COMMUNICATION = 255;

type Notification = Pick<NotificationMessage, "code" | "subcode" | "data">;

/** A NOTIFICATION in words: `Cease/Administrative Shutdown: "maintenance at noon"`. RFC 4271 §4.5, RFC 4486, RFC 9003. */
export function notificationText(notification: Notification): string {
  const { code, subcode } = notification;
  const error = ERROR_CODES.get(code);
  const name = error?.name ?? `Error ${code}`;
  const detail = subcode === 0 ? "" : `/${error?.subcodes.get(subcode) ?? `subcode ${subcode}`}`;
  const data = dataText(notification);
  return `${name}${detail}${data === "" ? "" : `: ${data}`}`;
}

/** The data field in words where its meaning is defined, else in hex; "" when it is empty. RFC 4271 §6. */
function dataText({ code, subcode, data }: Notification): string {
  if (data.length === 0) return "";
  const known = knownDataText(code, subcode, data);
  return known ?? `data ${toHex(data)}`;
}

function knownDataText(code: number, subcode: number, data: Uint8Array): string | undefined {
  switch (code * 256 + subcode) {
    case 0x0102:
      return data.length === 2 ? `length ${u16(data, 0)}` : undefined;
    case 0x0103:
      return data.length === 1 ? `type ${data[0]}` : undefined;
    case 0x0201:
      return data.length === 2 ? `largest supported version ${u16(data, 0)}` : undefined;
    case 0x0302:
    case 0x0304:
    case 0x0305:
    case 0x0306:
    case 0x0308:
    case 0x0309:
      return data.length >= 3 ? `${attributeName(data[1] as number)}, ${toHex(data)}` : undefined;
    case 0x0303:
      return data.length === 1 ? attributeName(data[0] as number) : undefined;
    default:
      return code === CEASE ? ceaseDataText(subcode, data) : undefined;
  }
}

function ceaseDataText(subcode: number, data: Uint8Array): string | undefined {
  if (subcode === 1 && data.length === 7) {
    // RFC 4486 §4: AFI, SAFI and the upper bound.
    return `${formatFamily(Family(u16(data, 0), data[2] as number))}, limit ${u32(data, 3)}`;
  }
  if (subcode === 2 || subcode === 4) {
    const communication = decodeShutdownCommunication(data);
    return communication === undefined ? undefined : JSON.stringify(communication);
  }
  if (subcode !== HARD_RESET || data.length < 2) return undefined;
  // RFC 8538 §3: the NOTIFICATION that would have been sent without hard reset.
  const [code, inner] = [data[0] as number, data[1] as number];
  // One level is all that the RFC knows; a chain of hard resets is not followed.
  if (code === CEASE && inner === HARD_RESET) return undefined;
  return notificationText({ code, subcode: inner, data: data.subarray(2) });
}

/** The shutdown communication in the data of a Cease 6/2 or 6/4; undefined when there is none that is valid. RFC 9003 §2. */
export function decodeShutdownCommunication(data: Uint8Array): string | undefined {
  const octets = data[0];
  if (octets === undefined || octets === 0 || octets + 1 !== data.length) return undefined;
  return decodeUtf8(data.subarray(1));
}

/** Data for a Cease 6/2 or 6/4; the text is cut to 255 octets, between characters. RFC 9003 §2. */
export function encodeShutdownCommunication(text: string): Uint8Array {
  const octets = encodeUtf8(text);
  let end = Math.min(octets.length, MAX_COMMUNICATION);
  while (end < octets.length && ((octets[end] as number) & 0xc0) === 0x80) end--;
  return Uint8Array.of(end, ...octets.subarray(0, end));
}
