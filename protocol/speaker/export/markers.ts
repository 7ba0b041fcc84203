import type { Family } from "../../types/family.ts";
import { encodeMessage } from "../../wire/encode-message.ts";
import { UpdateWriter } from "../../wire/update-writer.ts";
import { DEFAULT_WIRE_CONTEXT } from "../../wire/wire-context.ts";

/** ROUTE-REFRESH subtypes. RFC 7313 §3.2. */
const BEGINNING_OF_ROUTE_REFRESH = 1;
const END_OF_ROUTE_REFRESH = 2;

/** The End-of-RIB marker of a family, a message without routes. RFC 4724 §2. */
export function endOfRib(family: Family): Uint8Array {
  const buffer = new Uint8Array(4096);
  const writer = new UpdateWriter(DEFAULT_WIRE_CONTEXT);
  writer.attach(buffer);
  writer.endOfRib(family);
  return buffer.slice(0, writer.finish());
}

/** BoRR: what follows is everything. RFC 7313 §4.1. */
export function beginningOfRefresh(family: Family): Uint8Array {
  const message = { type: "routeRefresh", family, subtype: BEGINNING_OF_ROUTE_REFRESH } as const;
  return encodeMessage(message, DEFAULT_WIRE_CONTEXT);
}

/** EoRR: what was not sent since BoRR is gone. RFC 7313 §4.1. */
export function endOfRefresh(family: Family): Uint8Array {
  const message = { type: "routeRefresh", family, subtype: END_OF_ROUTE_REFRESH } as const;
  return encodeMessage(message, DEFAULT_WIRE_CONTEXT);
}
