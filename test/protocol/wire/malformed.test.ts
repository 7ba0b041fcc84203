import t, { type Test } from "tap";
import { decodeMessage } from "../../../protocol/wire/decode-message.ts";
import { ProtocolError } from "../../../protocol/wire/protocol-error.ts";
import { DEFAULT_WIRE_CONTEXT, type WireContext } from "../../../protocol/wire/wire-context.ts";
import { readFixture, readJsonLines } from "../../support/fixture.ts";
import { type Reading, readByCursor, readByMessage } from "./two-doors.ts";

/*
 * Malformed messages of others and of our own, each with what an RFC asks for. Where RFCs leave a choice, READINGS has the one
 * that tortie made, and docs/rfc-notes.md says why.
 */
type Case = {
  readonly id: string;
  readonly hex: string;
  readonly context: { readonly session?: "ebgp" | "ibgp"; readonly asn4?: boolean };
  readonly action: string;
  readonly notification?: readonly [number, number | null];
  readonly affected?: readonly string[];
  readonly confidence: string;
};

const CASES = readJsonLines<Case>("test/fixtures/malformed.jsonl");
const NOTES = readFixture("docs/rfc-notes.md").toString("utf8");

/** What becomes of the cases that RFCs leave open. */
const READINGS: ReadonlyMap<string, string> = new Map([
  ["c-a-notification-short", "reset 1/2"],
  ["c-a-open-hold-0", "accept"],
  ["c-a-open-optparm-total-mismatch", "reset 2/0"],
  ["c-a-open-cap-mp-len", "reset 2/0"],
  ["c-a-open-cap-as4-len", "reset 2/0"],
  ["c-a-upd-no-attrs-but-nlri", "treat-as-withdraw"],
  ["c-a-wd-len-40", "reset 3/10"],
  ["c-a-missing-localpref-ibgp", "accept"],
  ["c-a-unknown-wellknown", "reset 3/2"],
  ["c-a-partial-on-nontransitive", "accept"],
  ["c-a-dup-origin-second-bad", "attribute-discard"],
  ["c-a-mp-flags", "reset 3/4"],
  ["c-a-mp-afi-unneg", "accept"],
  ["c-a-first-as-mismatch", "accept"],
  ["c-a-as-set", "accept"],
  ["c-a-rr-orf-trunc", "accept"],
  ["c-a-fsm-open-in-established", "accept"],
  ["gobgp-scn-MalformedMpReachNlri", "reset 3/4"],
  ["gobgp-scn-MalformedMpUnReachNlri", "reset 3/4"],
  ["gobgp-scn-MalformedAsPath", "treat-as-withdraw"],
  ["gobgp-scn-MalformedAs4Path", "treat-as-withdraw"],
  ["gobgp-scn-MalformedNexthop", "reset 3/4"],
]);

/** Nothing is wrong with these octets; the session or the RIB refuses them by what it knows besides. */
const DECIDED_ABOVE_THE_WIRE: ReadonlySet<string> = new Set([
  "c-a-open-as-mismatch",
  "c-a-fsm-update-in-opensent",
  "c-a-fsm-update-in-openconfirm",
  "c-a-nexthop-semantic",
  "c-a-as-loop",
  "c-a-originator-self",
  "c-a-cluster-loop",
  "c-a-notif-shutdown-comm-long",
  "c-a-notif-shutdown-not-utf8",
]);

for (const example of CASES) {
  t.test(example.id, async (t) => {
    const bytes = Uint8Array.from(Buffer.from(example.hex, "hex"));
    const context = contextOf(example);
    const outcome = outcomeOf(bytes, context);
    const reading = isUpdate(bytes) ? readByMessage(bytes, context) : undefined;
    if (reading) t.strictSame(readByCursor(bytes, context), reading, "two doors");
    if (example.confidence === "must-not-crash") return;
    t.equal(outcome, expectedOutcome(example, outcome), example.action);
    if (reading?.outcome === "update") checkUpdate(t, example, reading);
  });
}

t.test("every choice is written down", async (t) => {
  for (const id of READINGS.keys()) t.match(NOTES, `\`${id}\``);
  const ids = new Set(CASES.map(({ id }) => id));
  for (const id of [...READINGS.keys(), ...DECIDED_ABOVE_THE_WIRE]) t.ok(ids.has(id), id);
  t.equal(CASES.length, 177);
});

function contextOf({ context }: Case): WireContext {
  const peerTypes = { ebgp: "external", ibgp: "internal" } as const;
  return {
    ...DEFAULT_WIRE_CONTEXT,
    fourOctetAsn: context.asn4 ?? true,
    peerType: context.session ? peerTypes[context.session] : "unknown",
  };
}

function outcomeOf(bytes: Uint8Array, context: WireContext): string {
  try {
    const message = decodeMessage(bytes, context);
    const faults = message.type === "update" ? message.faults : [];
    if (faults.some(({ severity }) => severity === "treat-as-withdraw")) return "treat-as-withdraw";
    return faults.length > 0 ? "attribute-discard" : "accept";
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return `reset ${error.code}/${error.subcode}`;
  }
}

/** The outcome that the case demands; a NOTIFICATION whose subcode the case leaves open takes the one that came. */
function expectedOutcome(example: Case, outcome: string): string {
  if (DECIDED_ABOVE_THE_WIRE.has(example.id)) return "accept";
  const choice = READINGS.get(example.id);
  if (choice !== undefined) return choice;
  const [code, subcode] = example.notification ?? [0, 0];
  switch (example.action) {
    case "session-reset":
    case "session-reset-or-afi-safi-disable":
      return subcode === null && outcome.startsWith(`reset ${code}/`)
        ? outcome
        : `reset ${code}/${subcode}`;
    case "treat-as-withdraw":
    case "attribute-discard":
      return example.action;
    case "accept-first":
      return "attribute-discard";
    default:
      return "accept";
  }
}

function checkUpdate(
  t: Test,
  example: Case,
  reading: Extract<Reading, { outcome: "update" }>,
): void {
  const set = reading.sets[0];
  const announced = reading.announced.map(({ prefix }) => prefix);
  const withdrawn = reading.withdrawn.map(({ prefix }) => prefix);
  if (example.affected && reading.severity === 2) {
    t.strictSame([...announced, ...withdrawn].sort(), [...example.affected].sort(), "affected");
  } else if (example.affected) t.strictSame(announced, example.affected, "announced");
  if (example.action === "accept-drop-attribute") t.equal(set?.unknown, undefined);
  if (example.action === "accept-propagate-with-partial") t.equal(set?.unknown?.[0]?.flags, 0xe0);
  if (example.action === "ignore-AS4_PATH") {
    t.strictSame(set?.asPath, [{ type: "sequence", asns: [65001] }]);
  }
}

function isUpdate(bytes: Uint8Array): boolean {
  return bytes[18] === 2;
}
