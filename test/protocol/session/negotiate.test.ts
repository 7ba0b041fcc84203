import fc from "fast-check";
import tap from "tap";
import { survivor } from "../../../protocol/session/collision.ts";
import { negotiate } from "../../../protocol/session/negotiate.ts";
import { cease, maximumPrefixesReached } from "../../../protocol/session/notification.ts";
import type { SessionConfig } from "../../../protocol/session/session-config.ts";
import type { SessionParameters } from "../../../protocol/session/session-parameters.ts";
import { Asn } from "../../../protocol/types/asn.ts";
import { IPV4_UNICAST, IPV6_UNICAST } from "../../../protocol/types/family.ts";
import { RouterId } from "../../../protocol/types/router-id.ts";
import type { AddPathMode, BgpRole, Capability } from "../../../protocol/wire/capability.ts";
import type { OpenMessage } from "../../../protocol/wire/message.ts";
import { ProtocolError } from "../../../protocol/wire/protocol-error.ts";

const both: readonly Capability[] = [
  { type: "multiprotocol", family: IPV4_UNICAST },
  { type: "multiprotocol", family: IPV6_UNICAST },
];

const config: SessionConfig = {
  localAsn: Asn(65001),
  peerAsn: Asn(65002),
  routerId: RouterId(0x0a000001),
  holdTimeSeconds: 90,
  minHoldTimeSeconds: 3,
  connectRetrySeconds: 5,
  idleHoldSeconds: { initial: 5, max: 30 },
  delayOpenSeconds: 0,
  passive: false,
  families: [IPV4_UNICAST, IPV6_UNICAST],
  capabilities: [...both, { type: "fourOctetAsn", asn: Asn(65001) }],
};

const open: OpenMessage = {
  type: "open",
  version: 4,
  asn: 65002,
  holdTimeSeconds: 90,
  routerId: RouterId(0x0a000002),
  capabilities: [...both, { type: "fourOctetAsn", asn: Asn(65002) }],
};

function refused(
  t: Pick<typeof tap, "ok" | "equal">,
  change: Partial<OpenMessage>,
  changed: Partial<SessionConfig>,
  codes: string,
  data = "",
) {
  const answer = negotiate({ ...open, ...change }, { ...config, ...changed });
  t.ok(answer instanceof ProtocolError, codes);
  if (!(answer instanceof ProtocolError)) return;
  t.equal(`${answer.code}/${answer.subcode}`, codes);
  t.equal(Buffer.from(answer.data).toString("hex"), data, `data of ${codes}`);
}

function agreed(
  change: Partial<OpenMessage> = {},
  changed: Partial<SessionConfig> = {},
): SessionParameters {
  const answer = negotiate({ ...open, ...change }, { ...config, ...changed });
  if (answer instanceof ProtocolError) throw answer;
  return answer;
}

tap.test("OPEN errors have the RFC's codes and data", (t) => {
  refused(t, { version: 3 }, {}, "2/1", "0004");
  refused(t, { asn: 65003, capabilities: both }, {}, "2/2");
  refused(t, { capabilities: [...both, { type: "fourOctetAsn", asn: 0 }] }, {}, "2/2");
  refused(
    t,
    { asn: 65002, capabilities: [...both, { type: "fourOctetAsn", asn: Asn(7) }] },
    {},
    "2/2",
  );
  const ibgp = { peerAsn: Asn(65001) };
  const own = { asn: 65001, capabilities: both, routerId: config.routerId };
  refused(t, own, ibgp, "2/3");
  for (const holdTimeSeconds of [1, 2]) refused(t, { holdTimeSeconds }, {}, "2/6");
  refused(t, { holdTimeSeconds: 9 }, { minHoldTimeSeconds: 10 }, "2/6");
  refused(t, { holdTimeSeconds: 0 }, { minHoldTimeSeconds: 10 }, "2/6");
  refused(
    t,
    { capabilities: [{ type: "multiprotocol", family: IPV4_UNICAST }] },
    { families: [IPV6_UNICAST] },
    "2/7",
    "010400020001",
  );
  t.end();
});

tap.test("equal router ids are fine between two ASes (RFC 6286)", (t) => {
  t.equal(agreed({ routerId: config.routerId }).type, "ebgp");
  t.end();
});

tap.test("roles: each pair that RFC 9234 §4.2 allows, and no other", (t) => {
  const roles: BgpRole[] = ["provider", "customer", "routeServer", "routeServerClient", "peer"];
  const allowed = new Set([
    "provider customer",
    "customer provider",
    "routeServer routeServerClient",
    "routeServerClient routeServer",
    "peer peer",
  ]);
  for (const role of roles) {
    for (const remote of roles) {
      const change = {
        capabilities: [...open.capabilities, { type: "role", role: remote } as const],
      };
      if (allowed.has(`${role} ${remote}`)) t.equal(agreed(change, { role }).peerRole, remote);
      else refused(t, change, { role }, "2/11");
    }
  }
  const two = ["provider", "peer"].map(
    (role) => ({ type: "role", role: role as BgpRole }) as const,
  );
  refused(t, { capabilities: [...both, ...two] }, { role: "customer" }, "2/11");
  refused(t, {}, { role: "customer", roleStrict: true }, "2/11");
  t.equal(agreed({}, { role: "customer" }).peerRole, undefined);
  t.end();
});

tap.test("hold time is the smaller proposal, keepalive a third of it or less", (t) => {
  t.match(agreed({ holdTimeSeconds: 30 }), { holdTimeSeconds: 30, keepaliveSeconds: 10 });
  t.match(agreed({}, { holdTimeSeconds: 3 }), { holdTimeSeconds: 3, keepaliveSeconds: 1 });
  t.match(agreed({}, { keepaliveSeconds: 5 }), { keepaliveSeconds: 5 });
  t.match(agreed({}, { keepaliveSeconds: 60 }), { keepaliveSeconds: 30 });
  t.match(agreed({ holdTimeSeconds: 0 }), { holdTimeSeconds: 0 });
  t.match(agreed({}, { holdTimeSeconds: 600 }), { sendHoldSeconds: 480 });
  t.match(agreed({ holdTimeSeconds: 600 }, { holdTimeSeconds: 600 }), { sendHoldSeconds: 1200 });
  t.end();
});

tap.test("without multiprotocol capabilities a peer speaks IPv4 unicast (RFC 4760 §8)", (t) => {
  t.same(agreed({ capabilities: [] }).families, [IPV4_UNICAST]);
  t.same(agreed().families, [IPV4_UNICAST, IPV6_UNICAST]);
  t.equal(agreed({ capabilities: [] }).send.fourOctetAsn, false);
  t.equal(agreed().receive.fourOctetAsn, true);
  t.end();
});

tap.test("ADD-PATH: both directions, each mode against each (RFC 7911 §4)", (t) => {
  const modes: (AddPathMode | undefined)[] = [undefined, "send", "receive", "both"];
  const family = IPV4_UNICAST;
  const capability = (mode: AddPathMode | undefined): readonly Capability[] =>
    mode === undefined ? both : [...both, { type: "addPath", families: [{ family, mode }] }];
  for (const mine of modes) {
    for (const theirs of modes) {
      const parameters = agreed(
        { asn: 65002, capabilities: capability(theirs) },
        { capabilities: capability(mine) },
      );
      const sends = (mode: unknown) => mode === "send" || mode === "both";
      const receives = (mode: unknown) => mode === "receive" || mode === "both";
      t.equal(parameters.send.addPath.has(family), sends(mine) && receives(theirs));
      t.equal(parameters.receive.addPath.has(family), receives(mine) && sends(theirs));
    }
  }
  t.end();
});

tap.test("what one side does not say is not agreed", (t) => {
  const gracefulRestart = {
    type: "gracefulRestart",
    restarting: true,
    notification: false,
    restartTimeSeconds: 120,
    families: [{ family: IPV4_UNICAST, forwarding: true }],
  } as const;
  const theirs = [
    ...both,
    gracefulRestart,
    { type: "routeRefresh" },
    { type: "extendedMessage" },
  ] as const;
  const alone = agreed({ capabilities: theirs });
  t.equal(alone.gracefulRestart, undefined);
  t.equal(alone.routeRefresh, false);
  t.equal(alone.send.extendedMessage, false);
  const together = agreed({ capabilities: theirs }, { capabilities: theirs });
  t.same(together.gracefulRestart, gracefulRestart);
  t.equal(together.routeRefresh, true);
  t.equal(together.enhancedRouteRefresh, false);
  t.equal(together.receive.extendedMessage, true);
  t.end();
});

tap.test("collision: both ends choose the same connection (RFC 4271 §6.8, RFC 6286 §2.3)", (t) => {
  const side = fc.record({
    routerId: fc.integer({ min: 1, max: 0xffff_ffff }).map(RouterId),
    asn: fc.integer({ min: 1, max: 0xffff_ffff }).map(Asn),
  });
  const near = fc.constantFrom(
    { routerId: RouterId(0xffff_ffff), asn: Asn(1) },
    { routerId: RouterId(1), asn: Asn(2) },
    { routerId: RouterId(1), asn: Asn(0xffff_ffff) },
  );
  fc.assert(
    fc.property(fc.oneof(side, near), fc.oneof(side, near), (a, b) => {
      fc.pre(a.routerId !== b.routerId || a.asn !== b.asn);
      return survivor(a, b) !== survivor(b, a);
    }),
  );
  t.equal(
    survivor(
      { routerId: RouterId(0x8000_0000), asn: Asn(1) },
      { routerId: RouterId(1), asn: Asn(1) },
    ),
    "outgoing",
    "identifiers are unsigned",
  );
  t.end();
});

tap.test("Cease data: the limit that was passed, and the operator's words", (t) => {
  const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
  t.equal(hex(maximumPrefixesReached(IPV6_UNICAST, 70_000).data), "00020100011170");
  t.equal(hex(cease(2, "noon").data), "046e6f6f6e");
  t.equal(hex(cease(4).data), "");
  const long = cease(2, "é".repeat(200)).data;
  t.equal(long.length, 255, "cut at a character: 127 of two octets, and the length");
  t.equal(long[0], 254);
  t.end();
});
