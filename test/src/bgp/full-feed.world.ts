import { readFileSync } from "node:fs";
import { connect } from "node:net";
import { gunzipSync } from "node:zlib";
import t from "tap";
import { Speaker } from "../../../protocol/speaker/speaker.ts";
import type { RouteSnapshot } from "../../../protocol/speaker/speaker-snapshot.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import {
  formatCommunity,
  parseCommunity,
  parseLargeCommunity,
} from "../../../protocol/types/community.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { IpAddress } from "../../../protocol/types/ip-address.ts";
import { Prefix, prefixFromBytes } from "../../../protocol/types/prefix.ts";
import { formatRouterId, routerIdFromText } from "../../../protocol/types/router-id.ts";
import type {
  AsPath,
  PathAttributeValue,
} from "../../../protocol/wire/attribute/path-attribute.ts";
import type { Capability } from "../../../protocol/wire/capability.ts";
import { encodeMessage } from "../../../protocol/wire/encode-message.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../../../protocol/wire/wire-context.ts";
import { BgpDriver } from "../../../src/bgp/bgp-driver.ts";
import { processClock } from "../../../src/bgp/clock.ts";
import { nativeBgpSockets } from "../../../src/bgp/native-bgp-sockets.ts";
import { readFixture } from "../../support/fixture.ts";
import { PORT, peerConfig, speakerConfig, type Teardown, until } from "./driver-support.ts";

const HERE = "127.0.0.41";
const FEEDER = "127.0.0.42";
const SLOW = { timeout: 300_000 };
/** Where a full table too large for the repository lies: lines "prefix|as path|origin|communities|…", gzip. */
const FULL_TABLE = process.env["TORTIE_FULL_TABLE"];

/** A real router's session of 1999, in two-octet AS numbers, and the table that bgpdump makes of it. */
t.test(
  "a real full table replayed over TCP: the Adj-RIB-In is the expected table",
  SLOW,
  async (t) => {
    const received = await feed(t, {
      asn: 3333,
      capabilities: [{ type: "multiprotocol", family: IPV4_UNICAST }],
      octets: readFixture("test/fixtures/streams/ris1999-fulltable.bgp.gz"),
      families: [IPV4_UNICAST],
    });
    const expected = readFixture("test/fixtures/streams/ris1999-fulltable.final.txt.gz")
      .toString()
      .trim()
      .split("\n")
      // bgpdump prints an AGGREGATOR of AS 0; RFC 7607 has it discarded.
      .map((line) => line.replace(/\|0 [\d.]+\|$/, "||"));
    t.equal(expected.length, 64_068);
    t.strictSame(differences(received.map(bgpdumpLine), expected), { missing: [], surplus: [] });
  },
);

t.test("a table of 634,000 routes of 2015, IPv4 and IPv6, replayed over TCP", SLOW, async (t) => {
  if (FULL_TABLE === undefined) {
    t.comment("TORTIE_FULL_TABLE is not set: a synthetic table of the same shape takes its place");
  }
  const lines = FULL_TABLE === undefined ? syntheticTable() : tableLines(FULL_TABLE);
  const received = await feed(t, {
    asn: 65_001,
    capabilities: [
      { type: "multiprotocol", family: IPV4_UNICAST },
      { type: "multiprotocol", family: IPV6_UNICAST },
      { type: "fourOctetAsn", asn: Asn(65_001) },
    ],
    octets: updatesOf(lines),
    families: [IPV4_UNICAST, IPV6_UNICAST],
  });
  const line = ({ prefix, attributes: { asPath, origin, communities = [] } }: RouteSnapshot) =>
    `${prefix}|${pathText(asPath)}|${origin.toUpperCase()}|${communities.map(formatCommunity).join(" ")}`;
  t.strictSame(differences(received.map(line), lines), { missing: [], surplus: [] });
});

type Feed = {
  readonly asn: number;
  readonly capabilities: readonly Capability[];
  readonly octets: Uint8Array;
  readonly families: readonly (typeof IPV4_UNICAST)[];
};

/** Plays one peer of a real Speaker and its driver; answers with the Adj-RIB-In at the end. */
async function feed(t: Teardown, { asn, capabilities, octets, families }: Feed) {
  const speaker = new Speaker({ random: Math.random });
  const driver = new BgpDriver({
    speaker,
    clock: processClock,
    sockets: nativeBgpSockets(),
    outputs: {
      event: () => {},
      bestRoutes: () => {},
      acceptsBestRoutes: () => true,
      trackNextHops: () => {},
      familyConverged: () => {},
      failed: (error) => {
        throw error;
      },
    },
  });
  t.teardown(() => driver.close());
  const peer = peerConfig(FEEDER, HERE, {
    peerAsn: Asn(asn),
    passive: true,
    holdTimeSeconds: 90,
    families: families.map((family) => ({ family })),
  });
  await driver.configure(speakerConfig(HERE, [peer]), {
    port: PORT + 3,
    addresses: [IpAddress(HERE)],
  });
  driver.feed({ type: "originated", routes: [], complete: true });

  const socket = connect({ host: HERE, port: PORT + 3, localAddress: FEEDER });
  t.teardown(() => socket.destroy());
  socket.resume();
  const open = {
    type: "open",
    version: 4,
    asn,
    holdTimeSeconds: 90,
    routerId: routerIdFromText(FEEDER),
    capabilities,
  } as const;
  socket.write(encodeMessage(open, DEFAULT_WIRE_CONTEXT));
  socket.write(encodeMessage({ type: "keepalive" }, DEFAULT_WIRE_CONTEXT));
  await until("Established", () => speaker.peers()[0]?.state === "Established");
  socket.write(octets);
  socket.write(encodeMessage({ type: "keepalive" }, DEFAULT_WIRE_CONTEXT));
  for (const family of families) socket.write(endOfRib(family));
  await until(
    "End-of-RIB",
    () => speaker.peers()[0]?.families.every(({ endOfRibReceived }) => endOfRibReceived) ?? false,
  );
  return families.flatMap((family) => adjRibIn(speaker, peer.name, family));
}

function adjRibIn(speaker: Speaker, peer: string, family: typeof IPV4_UNICAST): RouteSnapshot[] {
  const routes: RouteSnapshot[] = [];
  let cursor: string | undefined;
  do {
    const page = speaker.routes({
      table: "adj-in",
      family,
      peer,
      limit: 10_000,
      ...(cursor !== undefined && { cursor }),
    });
    routes.push(...page.routes);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return routes;
}

function endOfRib(family: typeof IPV4_UNICAST): Uint8Array {
  const attributes =
    family === IPV4_UNICAST
      ? []
      : [{ type: "mpUnreach", family, withdrawn: [], flags: 0x80 } as const];
  return encodeMessage(
    { type: "update", withdrawn: [], attributes, nlri: [], faults: [] },
    DEFAULT_WIRE_CONTEXT,
  );
}

/** prefix|AS path|origin|next hop|local preference|MED|AG|aggregator| as `bgpdump -m` has it. */
function bgpdumpLine({ prefix, attributes }: RouteSnapshot): string {
  const {
    asPath,
    origin,
    nextHop,
    localPref = 0,
    med = 0,
    atomicAggregate,
    aggregator,
  } = attributes;
  return [
    prefix,
    pathText(asPath),
    origin.toUpperCase(),
    nextHop,
    localPref,
    med,
    atomicAggregate ? "AG" : "NAG",
    aggregator ? `${aggregator.asn} ${formatRouterId(aggregator.address)}` : "",
    "",
  ].join("|");
}

function pathText(path: AsPath): string {
  return path
    .map(({ type, asns }) => (type === "set" ? `{${asns.join(",")}}` : asns.join(" ")))
    .join(" ");
}

function differences(ours: readonly string[], theirs: readonly string[]) {
  const [a, b] = [new Set(ours), new Set(theirs)];
  return {
    missing: theirs.filter((line) => !a.has(line)).slice(0, 5),
    surplus: ours.filter((line) => !b.has(line)).slice(0, 5),
  };
}

function tableLines(path: string): string[] {
  return (
    gunzipSync(readFileSync(path))
      .toString()
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith("#"))
      .map((line) => line.split("|").slice(0, 4).join("|"))
      // bgpdump names the well-known ones.
      .map((line) =>
        line.replace("no-export", "65535:65281").replace("no-advertise", "65535:65282"),
      )
  );
}

/** 60,000 IPv4 and 6,000 IPv6 prefixes, seven to an attribute set. */
function syntheticTable(): string[] {
  return Array.from({ length: 66_000 }, (_, i) => {
    const octets = i % 11 === 0 ? new Uint8Array(16) : new Uint8Array(4);
    octets.set(
      octets.length === 16
        ? [0x20, 1, i >> 8, i & 255]
        : [20 + (i >> 14), (i >> 6) & 255, (i & 63) << 2],
    );
    const set = i % 9000;
    const communities = set % 3 === 0 ? `65001:${set}` : "";
    const prefix = prefixFromBytes(octets, octets.length === 16 ? 48 : 22);
    return `${prefix}|65001 ${100 + (set % 700)} ${1000 + set}|IGP|${communities}`;
  });
}

/** One UPDATE for each run of lines with equal attributes, IPv6 in MP_REACH_NLRI. */
function updatesOf(lines: readonly string[]): Uint8Array {
  const context: WireContext = { ...DEFAULT_WIRE_CONTEXT, peerType: "external" };
  const groups = Map.groupBy(
    lines,
    (line) =>
      `${line.includes(":") && /^[0-9a-f]*:/.test(line) ? 6 : 4}|${line.slice(line.indexOf("|") + 1)}`,
  );
  const messages: Uint8Array[] = [];
  for (const [key, members] of groups) {
    const [version, path = "", origin = "", communities = ""] = key.split("|");
    const attributes = attributesOf(path, origin, communities);
    const prefixes = members.map((line) => ({ prefix: Prefix(line.slice(0, line.indexOf("|"))) }));
    for (let at = 0; at < prefixes.length; at += 150) {
      const nlri = prefixes.slice(at, at + 150);
      const update =
        version === "4"
          ? {
              attributes: [
                ...attributes,
                { type: "nextHop", nextHop: IpAddress(FEEDER), flags: 0x40 } as const,
              ],
              nlri,
            }
          : {
              attributes: [
                {
                  type: "mpReach",
                  family: IPV6_UNICAST,
                  nextHops: [IpAddress("2001:db8::1")],
                  nlri,
                  flags: 0x80,
                } as const,
                ...attributes,
              ],
              nlri: [],
            };
      messages.push(
        encodeMessage({ type: "update", withdrawn: [], faults: [], ...update }, context),
      );
    }
  }
  return Buffer.concat(messages);
}

function attributesOf(
  path: string,
  origin: string,
  communities: string,
): (PathAttributeValue & { flags: number })[] {
  const list = communities
    .split(" ")
    .filter((text) => text !== "" && parseLargeCommunity(text) === undefined);
  return [
    { type: "origin", origin: origin.toLowerCase() as "igp", flags: 0x40 },
    { type: "asPath", asPath: parsePath(path), flags: 0x40 },
    ...(list.length > 0
      ? [
          {
            type: "communities",
            communities: list.flatMap((text) => parseCommunity(text) ?? []),
            flags: 0xc0,
          } as const,
        ]
      : []),
  ];
}

function parsePath(text: string): AsPath {
  const segments: { type: "sequence" | "set"; asns: Asn[] }[] = [];
  for (const word of text.split(" ")) {
    if (word.startsWith("{"))
      segments.push({
        type: "set",
        asns: word
          .slice(1, -1)
          .split(",")
          .map((asn) => Asn(Number(asn))),
      });
    else {
      const last = segments.at(-1);
      if (last?.type === "sequence") last.asns.push(Asn(Number(word)));
      else segments.push({ type: "sequence", asns: [Asn(Number(word))] });
    }
  }
  return segments;
}
