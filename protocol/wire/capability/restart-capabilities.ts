import { afiOf, Family, safiOf } from "../../types/family.ts";
import type { GracefulRestartCapability, LlgrFamily } from "../capability.ts";
import { fixedLayout } from "../fixed-layout.ts";
import type { CapabilityDefinition, CapabilityOf } from "./capability-definition.ts";

/*
 *   +----------------------+-------------------+----------------------------------------------------+
 *   | flags (4 bits): R, N | restart time (12) | AFI (2), SAFI (1), flags (1): F   ... more families |   RFC 4724 §3, RFC 8538 §2
 *   +----------------------+-------------------+----------------------------------------------------+
 *   +-----------------------------------------------------------------------+
 *   | AFI (2), SAFI (1), flags (1): F, stale time (3)     ... more families |                          RFC 9494 §3.1
 *   +-----------------------------------------------------------------------+
 */
const RESTART_HEAD = fixedLayout([["flagsAndTime", 16]]);
const RESTART_ENTRY = fixedLayout([
  ["afi", 16],
  ["safi", 8],
  ["flags", 8],
]);
const STALE_ENTRY = fixedLayout([
  ["afi", 16],
  ["safi", 8],
  ["flags", 8],
  ["staleTimeHigh", 8],
  ["staleTimeLow", 16],
]);

const RESTARTING = 0x8000;
const NOTIFICATION = 0x4000;
const FORWARDING = 0x80;
const MAX_RESTART_SECONDS = 0x0fff;
const MAX_STALE_SECONDS = 0xff_ffff;

/** GRACEFUL RESTART, with the N bit of RFC 8538. RFC 4724 §3. */
export const GRACEFUL_RESTART: CapabilityDefinition<GracefulRestartCapability> = {
  code: 64,
  name: "graceful restart",
  type: "gracefulRestart",
  malformed: "keep",
  decode(value) {
    const head = RESTART_HEAD.read(value, 0);
    if (head === undefined || value.length % RESTART_ENTRY.octets !== RESTART_HEAD.octets) {
      return undefined;
    }
    const families: { family: Family; forwarding: boolean }[] = [];
    for (let at = RESTART_HEAD.octets; at < value.length; at += RESTART_ENTRY.octets) {
      const entry = RESTART_ENTRY.read(value, at);
      if (entry === undefined) return undefined;
      const forwarding = (entry.flags & FORWARDING) !== 0;
      families.push({ family: Family(entry.afi, entry.safi), forwarding });
    }
    return {
      type: "gracefulRestart",
      restarting: (head.flagsAndTime & RESTARTING) !== 0,
      notification: (head.flagsAndTime & NOTIFICATION) !== 0,
      restartTimeSeconds: head.flagsAndTime & MAX_RESTART_SECONDS,
      families,
    };
  },
  encode(value, writer) {
    if (value.restartTimeSeconds > MAX_RESTART_SECONDS) {
      throw new RangeError(`restart time of ${value.restartTimeSeconds} s`);
    }
    const flags = (value.restarting ? RESTARTING : 0) | (value.notification ? NOTIFICATION : 0);
    writer.putU16(flags | value.restartTimeSeconds);
    for (const { family, forwarding } of value.families) {
      writer.putU16(afiOf(family));
      writer.putU8(safiOf(family));
      writer.putU8(forwarding ? FORWARDING : 0);
    }
  },
};

/** LONG-LIVED GRACEFUL RESTART. RFC 9494 §3.1. */
export const LONG_LIVED_GRACEFUL_RESTART: CapabilityDefinition<
  CapabilityOf<"longLivedGracefulRestart">
> = {
  code: 71,
  name: "long-lived graceful restart",
  type: "longLivedGracefulRestart",
  malformed: "keep",
  decode(value) {
    if (value.length % STALE_ENTRY.octets !== 0) return undefined;
    const families: LlgrFamily[] = [];
    for (let at = 0; at < value.length; at += STALE_ENTRY.octets) {
      const entry = STALE_ENTRY.read(value, at);
      if (entry === undefined) return undefined;
      families.push({
        family: Family(entry.afi, entry.safi),
        forwarding: (entry.flags & FORWARDING) !== 0,
        staleTimeSeconds: entry.staleTimeHigh * 0x1_0000 + entry.staleTimeLow,
      });
    }
    return { type: "longLivedGracefulRestart", families };
  },
  encode(value, writer) {
    for (const { family, forwarding, staleTimeSeconds } of value.families) {
      if (staleTimeSeconds > MAX_STALE_SECONDS) {
        throw new RangeError(`stale time of ${staleTimeSeconds} s`);
      }
      writer.putU16(afiOf(family));
      writer.putU8(safiOf(family));
      writer.putU8(forwarding ? FORWARDING : 0);
      writer.putU8(staleTimeSeconds >>> 16);
      writer.putU16(staleTimeSeconds & 0xffff);
    }
  },
};
