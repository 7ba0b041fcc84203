import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../../../protocol/wire/wire-context.ts";
import { readJsonLines } from "../../support/fixture.ts";

/** A line of vectors.jsonl: a message, or a part of one with a whole message around it, and what others say of it. */
export type Vector = {
  readonly id: string;
  readonly kind: "message" | "path-attributes" | "update-body" | "badlen";
  readonly hex: string;
  readonly wire?: string;
  readonly context: {
    readonly asn4?: boolean | string | null;
    readonly addpath?: boolean | string;
  };
  readonly tshark?: string;
  readonly tcpdump: string;
  readonly bgpdump?: readonly string[];
  readonly expected?: { readonly json?: { readonly exabgp: unknown } | null };
};

export function readVectors(): readonly Vector[] {
  return readJsonLines<Vector>("test/fixtures/vectors.jsonl.gz");
}

export function vectorOctets(vector: Vector): Uint8Array {
  return Uint8Array.from(Buffer.from(vector.wire ?? vector.hex, "hex"));
}

/**
 * Where the source says nothing about the width of AS numbers or about path identifiers, the guess of tshark or tcpdump
 * decides: they look at the octets.
 */
export function vectorContext(vector: Vector): WireContext {
  const { asn4 } = vector.context;
  const fourOctetGuess = !/(?:seq|set)2\(/.test(vector.tshark ?? "");
  const addPath =
    vector.context.addpath === true ||
    /\[[^\]\s]+#\d/.test(vector.tshark ?? "") ||
    vector.tcpdump.includes("Path Id:");
  return {
    ...DEFAULT_WIRE_CONTEXT,
    fourOctetAsn: typeof asn4 === "boolean" ? asn4 : fourOctetGuess,
    addPath: new Set(addPath ? [IPV4_UNICAST, IPV6_UNICAST] : []),
    extendedMessage: true,
  };
}
