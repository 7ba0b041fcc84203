/*
 * Other programs' tables have base chains of their own where packets are forwarded, and a packet must be accepted in all of
 * them: what docker, ufw or firewalld drop stays dropped, whatever our table says. So, as the one exception to touching
 * nothing of others, accept rules for our interfaces are kept at the head of such a chain, or in DOCKER-USER where docker
 * asks for it. They carry a comment by which a fresh process knows them, and are written as iptables would write them: with
 * any other expression iptables could not read its table any more.
 */
import { NetlinkError } from "../netlink/netlink-error.ts";
import { readAttributes, textAttribute } from "../netlink/netlink-reader.ts";
import type { NetlinkSocket } from "../netlink/netlink-socket.ts";
import { attributesInOrder, encodeComment, ruleFingerprint } from "./compiled-table.ts";
import {
  DATA_ATTRIBUTE,
  EXPRESSION_ATTRIBUTE,
  HOOK_NUMBER,
  NFPROTO,
  VERDICT_ATTRIBUTE,
  VERDICT_CODE,
} from "./nft-constants.ts";
import type { NftStatement } from "./nft-table.ts";
import { encodeStatements } from "./statement-codec.ts";
import { type KernelChain, type KernelRule, listChains, listRules } from "./table-reader.ts";
import { TableTransaction } from "./table-transaction.ts";

/** A base chain of somebody else that drops what is forwarded, and what was done about it. */
export type ForeignForward = {
  /** "ip filter FORWARD". */
  readonly chain: string;
  /** Why it stops us: its policy, or a rule that drops everything. */
  readonly reason: string;
  /** Where our accept rules are, or why they are not. */
  readonly remedy:
    | { readonly type: "accepted"; readonly in: string }
    | { readonly type: "refused"; readonly reason: string };
};

export type ForeignForwardResult = {
  readonly forwards: readonly ForeignForward[];
  /** Rules that were added or taken away. */
  readonly changes: number;
};

const COMMENT = "tortie: workloads";
const DOCKER_USER = "DOCKER-USER";
const FAMILY_NAMES: ReadonlyMap<number, string> = new Map([
  [NFPROTO.inet, "inet"],
  [NFPROTO.ip, "ip"],
  [NFPROTO.ip6, "ip6"],
]);

/** A name, or with a final "*" the beginning of names. */
export type InterfacePattern = string;

/** Keeps accept rules for these interfaces where somebody drops, and nowhere else. With no interfaces it removes all of ours. */
export function reconcileForeignForwards(
  socket: NetlinkSocket,
  {
    ownTable,
    interfaces,
  }: { readonly ownTable: string; readonly interfaces: readonly InterfacePattern[] },
): ForeignForwardResult {
  const forwards: ForeignForward[] = [];
  let changes = 0;
  for (const table of tablesThatForward(socket, ownTable)) {
    const blocked = table.bases.flatMap((base) => {
      const reason = whyDropped(base, rulesOf(table, base.name));
      return reason === undefined ? [] : [{ base, reason, place: placeIn(table, base) }];
    });
    const places = new Set(interfaces.length === 0 ? [] : blocked.map(({ place }) => place));
    const result = reconcileTable(socket, table, { places, interfaces });
    changes += result.changes;
    for (const { base, reason, place } of interfaces.length === 0 ? [] : blocked) {
      forwards.push({
        chain: fullName(table, base.name),
        reason,
        remedy:
          result.refused === undefined
            ? { type: "accepted", in: fullName(table, place) }
            : { type: "refused", reason: result.refused },
      });
    }
  }
  return { forwards, changes };
}

type ForeignTable = {
  readonly family: number;
  readonly name: string;
  readonly chains: ReadonlySet<string>;
  readonly bases: readonly KernelChain[];
  readonly rules: readonly KernelRule[];
};

/** Tables of others with a filtering base chain where packets are forwarded. */
function tablesThatForward(socket: NetlinkSocket, ownTable: string): readonly ForeignTable[] {
  const chains = listChains(socket, 0).filter(
    ({ family, table }) => FAMILY_NAMES.has(family) && table !== ownTable,
  );
  const bases = chains.filter(
    ({ base }) => base?.hook === HOOK_NUMBER.forward && base.type === "filter",
  );
  const tables = new Map(
    bases.map(({ family, table }) => [`${family} ${table}`, { family, table }]),
  );
  return [...tables.values()].map(({ family, table }) => {
    const within = (chain: KernelChain) => chain.family === family && chain.table === table;
    return {
      family,
      name: table,
      chains: new Set(chains.filter(within).map(({ name }) => name)),
      bases: bases.filter(within),
      rules: listRules(socket, { family, table }),
    };
  });
}

function rulesOf({ rules }: ForeignTable, chain: string): readonly KernelRule[] {
  return rules.filter((rule) => rule.chain === chain);
}

function fullName({ family, name }: ForeignTable, chain: string): string {
  return `${FAMILY_NAMES.get(family) ?? family} ${name} ${chain}`;
}

/** Docker calls DOCKER-USER before everything of its own, and leaves its content alone. */
function placeIn(table: ForeignTable, base: KernelChain): string {
  const calls = rulesOf(table, base.name).some(({ expressions }) =>
    expressionsOf(expressions).some(({ verdict }) => verdict?.chain === DOCKER_USER),
  );
  return calls && table.chains.has(DOCKER_USER) ? DOCKER_USER : base.name;
}

function whyDropped({ base }: KernelChain, rules: readonly KernelRule[]): string | undefined {
  if (base?.policy === "drop") return "policy drop";
  const others = rules.filter((rule) => !isOurs(rule));
  const index = others.findIndex(({ expressions }) => dropsEverything(expressions));
  return index < 0 ? undefined : `rule ${index + 1} drops everything`;
}

/** A drop or reject that nothing stands before. */
function dropsEverything(expressions: Buffer): boolean {
  const all = expressionsOf(expressions).filter(({ name }) => !HARMLESS.has(name));
  const [only, ...more] = all;
  if (only === undefined || more.length > 0) return false;
  return (
    only.name === "reject" || only.verdict?.code === VERDICT_CODE.drop || only.target === "REJECT"
  );
}

/** Expressions that let every packet pass to the next one. */
const HARMLESS: ReadonlySet<string> = new Set(["counter", "log"]);

type Expression = {
  readonly name: string;
  readonly verdict?: { readonly code: number; readonly chain: string | undefined };
  /** Of iptables' extensions, the one that decides. */
  readonly target?: string;
};

function expressionsOf(list: Buffer): readonly Expression[] {
  return Array.from(attributesInOrder(list), ({ value }) => {
    const expression = readAttributes(value);
    const name = textAttribute(expression, EXPRESSION_ATTRIBUTE.name) ?? "";
    const data = readAttributes(expression.get(EXPRESSION_ATTRIBUTE.data) ?? Buffer.alloc(0));
    if (name === "target") return { name, target: textAttribute(data, 1) ?? "" };
    if (name !== "immediate") return { name };
    const verdict = readAttributes(data.get(2) ?? Buffer.alloc(0)).get(DATA_ATTRIBUTE.verdict);
    if (verdict === undefined) return { name };
    const fields = readAttributes(verdict);
    return {
      name,
      verdict: {
        code: fields.get(VERDICT_ATTRIBUTE.code)?.readInt32BE() ?? 0,
        chain: textAttribute(fields, VERDICT_ATTRIBUTE.chain),
      },
    };
  });
}

type Wanted = { readonly places: ReadonlySet<string>; readonly interfaces: readonly string[] };

function reconcileTable(
  socket: NetlinkSocket,
  table: ForeignTable,
  { places, interfaces }: Wanted,
): { readonly changes: number; readonly refused?: string } {
  const wanted = acceptRules(interfaces);
  const transaction = new TableTransaction();
  for (const chain of table.chains) {
    const rules = rulesOf(table, chain);
    const want = places.has(chain) ? wanted : [];
    const ours = rules.filter(isOurs);
    const head = rules.slice(0, want.length).map(ruleFingerprint).join("\n");
    if (ours.length === want.length && head === want.map(ruleFingerprint).join("\n")) continue;
    for (const { handle } of ours) transaction.deleteRule(table, { chain, handle });
    // Each is put before all others, so the last goes first.
    for (const rule of want.toReversed()) transaction.insertRule(table, { chain, ...rule });
  }
  try {
    transaction.commit(socket);
    return { changes: transaction.size };
  } catch (error) {
    if (!(error instanceof NetlinkError)) throw error;
    return { changes: 0, refused: error.message };
  }
}

function isOurs({ userData }: KernelRule): boolean {
  return userData.equals(OUR_COMMENT);
}

const OUR_COMMENT = Buffer.from(encodeComment(COMMENT));

/** `-i PATTERN -j ACCEPT` and `-o PATTERN -j ACCEPT` for each. */
function acceptRules(interfaces: readonly InterfacePattern[]) {
  return interfaces.flatMap((pattern) =>
    (["iifname", "oifname"] as const).map((field) => {
      const statements: readonly NftStatement[] = [
        { type: "compare", field, operator: "==", octets: patternOctets(pattern) },
        { type: "counter" },
        { type: "verdict", verdict: { type: "accept" } },
      ];
      return { expressions: encodeStatements("ip", statements), userData: OUR_COMMENT };
    }),
  );
}

/** A whole name ends with its zero. */
function patternOctets(pattern: InterfacePattern): Uint8Array {
  return Buffer.from(pattern.endsWith("*") ? pattern.slice(0, -1) : `${pattern}\0`);
}
