import {
  type Family,
  formatFamily,
  IPV4_UNICAST,
  IPV6_UNICAST,
} from "../../../protocol/types/family.ts";
import { type Prefix, prefixFromBytes } from "../../../protocol/types/prefix.ts";
import { type AttributeSet, decodeAttributeSet } from "../../../protocol/wire/attribute-set.ts";
import { decodeMessage } from "../../../protocol/wire/decode-message.ts";
import { endOfRibFamily } from "../../../protocol/wire/end-of-rib.ts";
import type { Fault } from "../../../protocol/wire/fault.ts";
import { badMessageLength, readFrame } from "../../../protocol/wire/header.ts";
import type { Nlri, UpdateMessage } from "../../../protocol/wire/message.ts";
import { setU32, toHex, u16 } from "../../../protocol/wire/octets.ts";
import { ProtocolError } from "../../../protocol/wire/protocol-error.ts";
import { UpdateCursor } from "../../../protocol/wire/update-cursor.ts";
import type { WireContext } from "../../../protocol/wire/wire-context.ts";
import { attributeSetModel } from "./attribute-set-model.ts";

/** What an UPDATE says, in one form for both doors, so that they can be compared. */
export type Reading =
  | {
      readonly outcome: "error";
      readonly notification: readonly [number, number];
      readonly data: string;
      readonly offset: number | undefined;
    }
  | {
      readonly outcome: "update";
      readonly severity: number;
      readonly faults: readonly Fault[];
      readonly endOfRib: string | undefined;
      readonly withdrawn: readonly RoutedNlri[];
      readonly announced: readonly RoutedNlri[];
      /** One set a section, where the message is not treated as withdraw. */
      readonly sets: readonly AttributeSet[];
      readonly skippedFamilies: number;
    };

export type RoutedNlri = {
  readonly family: string;
  readonly prefix: Prefix;
  readonly pathId: number;
};

/** Runs a decoder; anything but a ProtocolError that it throws goes on to the test. */
function reading(run: () => Reading): Reading {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return {
      outcome: "error",
      notification: [error.code, error.subcode],
      data: toHex(error.data),
      offset: error.offset,
    };
  }
}

const sharedCursor = new UpdateCursor();

/** Through the cursor, which is one and the same for all messages, as in the RIB; the message lies inside other octets. */
export function readByCursor(bytes: Uint8Array, context: WireContext): Reading {
  const around = new Uint8Array(bytes.length + 11).fill(0xa5);
  around.set(bytes, 5);
  const cursor = sharedCursor;
  return reading(() => {
    const length = readFrame(around, 5, 5 + bytes.length, context);
    if (length !== bytes.length) throw badMessageLength(bytes.length < 19 ? 0 : u16(bytes, 16));
    cursor.open(around, 5, 5 + bytes.length, context);
    const withdrawn: RoutedNlri[] = [];
    while (cursor.nextWithdrawn()) withdrawn.push(current(cursor));
    const announced: RoutedNlri[] = [];
    const sets: AttributeSet[] = [];
    let section: number = cursor.section;
    while (cursor.nextAnnounced()) {
      announced.push(current(cursor));
      if (cursor.section !== section && cursor.severity < 2) {
        sets.push(decodeAttributeSet(cursor.attributeSet(cursor.family)));
      }
      section = cursor.section;
    }
    return {
      outcome: "update",
      severity: cursor.severity,
      faults: cursor.faults,
      endOfRib: cursor.endOfRib && formatFamily(cursor.endOfRib),
      withdrawn,
      announced,
      sets,
      skippedFamilies: cursor.skippedFamilies,
    };
  });
}

function current(cursor: UpdateCursor): RoutedNlri {
  const ipv4 = cursor.family === IPV4_UNICAST;
  const address = new Uint8Array(ipv4 ? 4 : 16);
  setU32(address, 0, cursor.word0);
  if (!ipv4) {
    setU32(address, 4, cursor.word1);
    setU32(address, 8, cursor.word2);
    setU32(address, 12, cursor.word3);
  }
  const prefix = prefixFromBytes(address, cursor.length);
  return { family: formatFamily(cursor.family), prefix, pathId: cursor.pathId };
}

/** Through the value, and the slow model of attribute sets. */
export function readByMessage(bytes: Uint8Array, context: WireContext): Reading {
  return reading(() => readUpdate(decodeMessage(bytes, context) as UpdateMessage, context));
}

function readUpdate(update: UpdateMessage, context: WireContext): Reading {
  const reach = update.attributes.find((attribute) => attribute.type === "mpReach");
  const unreach = update.attributes.find((attribute) => attribute.type === "mpUnreach");
  const severities = update.faults.map(({ severity }) =>
    severity === "treat-as-withdraw" ? 2 : 1,
  );
  const severity = Math.max(0, ...severities);
  const sets: AttributeSet[] = [];
  if (severity < 2) {
    const add = (family: Family, mpReach: boolean): void => {
      sets.push(attributeSetModel(update, { family, mpReach }, context));
    };
    if (update.nlri.length > 0) add(IPV4_UNICAST, false);
    if (reach && reach.nlri.length > 0) add(reach.family, true);
  }
  const endOfRib = endOfRibFamily(update);
  const mp = endOfRib === undefined ? [reach, unreach] : [];
  return {
    outcome: "update",
    severity,
    faults: update.faults,
    endOfRib: endOfRib && formatFamily(endOfRib),
    withdrawn: [
      ...routed(update.withdrawn, IPV4_UNICAST),
      ...(unreach ? routed(unreach.withdrawn, unreach.family) : []),
    ],
    announced: [
      ...routed(update.nlri, IPV4_UNICAST),
      ...(reach ? routed(reach.nlri, reach.family) : []),
    ],
    sets,
    skippedFamilies: mp.filter(
      (attribute) =>
        attribute !== undefined &&
        attribute.family !== IPV4_UNICAST &&
        attribute.family !== IPV6_UNICAST,
    ).length,
  };
}

function routed(nlri: readonly Nlri[], family: Family): RoutedNlri[] {
  return nlri.map(({ prefix, pathId }) => ({
    family: formatFamily(family),
    prefix,
    pathId: pathId ?? 0,
  }));
}
