import { errnoName } from "../native/libc.ts";
import { FLAG } from "./netlink-constants.ts";
import {
  MalformedNetlinkError,
  type NetlinkMessage,
  readAttributes,
  textAttribute,
  u32Attribute,
} from "./netlink-reader.ts";

/** What the kernel said to a request that failed. */
export type NetlinkFault = {
  readonly errno: number;
  /** "EEXIST", "ENETUNREACH", … */
  readonly code: string;
  /** The kernel's own words: "Nexthop has invalid gateway". */
  readonly message?: string;
  /** Offset in the request of the attribute that it did not like. */
  readonly offset?: number;
};

const ATTRIBUTE = { message: 1, offset: 2, missingType: 5 } as const;

/**
 * Reads NLMSG_ERROR; undefined when it is a plain acknowledgement. With NETLINK_CAP_ACK only the header of the request
 * follows the number, then, with NETLINK_EXT_ACK, the attributes of the extended acknowledgement.
 */
export function readNetlinkError({ payload, flags }: NetlinkMessage): NetlinkFault | undefined {
  if (payload.length < 20) throw new MalformedNetlinkError("short nlmsgerr");
  const errno = -payload.readInt32LE(0);
  if (errno === 0) return undefined;
  const code = errnoName(errno);
  if ((flags & FLAG.extendedAck) === 0) return { errno, code };
  const echoed = flags & FLAG.cappedAck ? 16 : payload.readUInt32LE(4);
  return { errno, code, ...extendedAck(payload.subarray(4 + echoed)) };
}

/** The attributes that follow NLMSG_ERROR and, when a dump fails half-way, the errno in NLMSG_DONE. */
export function extendedAck(bytes: Buffer): {
  readonly message?: string;
  readonly offset?: number;
} {
  const attributes = readAttributes(bytes);
  const message = textAttribute(attributes, ATTRIBUTE.message);
  const offset = u32Attribute(attributes, ATTRIBUTE.offset);
  const missing = u32Attribute(attributes, ATTRIBUTE.missingType);
  const words = message ?? (missing === undefined ? undefined : `attribute ${missing} is missing`);
  return {
    ...(words === undefined ? {} : { message: words }),
    ...(offset === undefined ? {} : { offset }),
  };
}

/** "ENETUNREACH: Nexthop has invalid gateway (at octet 36 of the request)". */
export function formatNetlinkFault({ code, message, offset }: NetlinkFault): string {
  const words = message === undefined ? "" : `: ${message}`;
  const where = offset === undefined || offset === 0 ? "" : ` (at octet ${offset} of the request)`;
  return `${code}${words}${where}`;
}

/** A request that the kernel refused, thrown where a refusal is not expected. */
export class NetlinkError extends Error {
  readonly fault: NetlinkFault;
  readonly code: string;

  constructor(what: string, fault: NetlinkFault) {
    super(`${what}: ${formatNetlinkFault(fault)}`);
    this.name = "NetlinkError";
    this.fault = fault;
    this.code = fault.code;
  }
}
