import { unreachable } from "../../../protocol/types/never.ts";
import type { IcmpMatch, PolicyRule, PortRange, RuleSide } from "../../calc/policy-state.ts";
import type { NftFamily, NftRule, NftStatement } from "../../kernel/nftables/nft-table.ts";
import type { SetBuilder } from "./set-builder.ts";
import {
  ACCEPT,
  COUNTED_DROP,
  concatenate,
  differs,
  equals,
  inSet,
  notInSet,
  PROTOCOL,
  portKey,
  protocolIs,
  RETURN,
  versionOf,
} from "./statements.ts";

/** Shown in the kernel's log before a packet that a rule with action Log matches. */
const LOG_PREFIX = "tortie: ";

/** The rules of one direction of a profile or policy, for one family; a rule that cannot match there is left out. */
export function renderPolicyRules(
  family: NftFamily,
  rules: readonly PolicyRule[],
  sets: SetBuilder,
): readonly NftRule[] {
  return rules.flatMap((rule) => {
    const matches = renderMatches(family, rule, sets);
    return matches === "never" ? [] : [{ statements: [...matches, ...renderAction(rule)] }];
  });
}

type Matches = readonly NftStatement[] | "never";

function renderMatches(family: NftFamily, rule: PolicyRule, sets: SetBuilder): Matches {
  if (!speaksOf(family, rule)) return "never";
  const source = renderSide(SOURCE, { side: rule.source, sets });
  const destination = renderSide(DESTINATION, { side: rule.destination, sets });
  if (source === "never" || destination === "never") return "never";
  return [...renderProtocol(rule), ...source, ...destination, ...renderIcmp(rule, sets)];
}

/** ICMP is IPv4's and ICMPv6 is IPv6's, whether a rule says so or not. */
function speaksOf(family: NftFamily, { ipVersion, protocol }: PolicyRule): boolean {
  const version = versionOf(family);
  if (ipVersion !== undefined && ipVersion !== version) return false;
  return protocol !== (version === 4 ? PROTOCOL.icmpv6 : PROTOCOL.icmp);
}

function renderProtocol({ protocol, notProtocol }: PolicyRule): readonly NftStatement[] {
  return [
    ...(protocol === undefined ? [] : [protocolIs(protocol)]),
    ...(notProtocol === undefined ? [] : [differs("l4proto", Uint8Array.of(notProtocol))]),
  ];
}

type SideFields = { readonly address: "saddr" | "daddr"; readonly port: "sport" | "dport" };
const SOURCE: SideFields = { address: "saddr", port: "sport" };
const DESTINATION: SideFields = { address: "daddr", port: "dport" };

function renderSide(
  { address, port }: SideFields,
  { side, sets }: { readonly side: RuleSide; readonly sets: SetBuilder },
): Matches {
  const statements: NftStatement[] = [];
  const { nets, notNets, set, notSet, ports, notPorts } = side;
  if (nets !== undefined) {
    // Nets of the other family alone: no packet of this one is meant.
    if (sets.ofFamily(nets).length === 0) return "never";
    statements.push(inSet(address, sets.nets(nets)));
  }
  if (notNets !== undefined && sets.ofFamily(notNets).length > 0) {
    statements.push(notInSet(address, sets.nets(notNets)));
  }
  if (set !== undefined) statements.push(inSet(address, sets.members(set)));
  if (notSet !== undefined) statements.push(notInSet(address, sets.members(notSet)));
  if (ports !== undefined) statements.push(portIs(port, { ports, sets }));
  if (notPorts !== undefined) statements.push(notInSet(port, sets.ports(notPorts)));
  return statements;
}

function portIs(
  field: "sport" | "dport",
  { ports, sets }: { readonly ports: readonly PortRange[]; readonly sets: SetBuilder },
): NftStatement {
  const [only, ...more] = ports;
  if (only !== undefined && more.length === 0 && only.first === only.last) {
    return equals(field, portKey(only.first));
  }
  return inSet(field, sets.ports(ports));
}

function renderIcmp({ icmp, notIcmp }: PolicyRule, sets: SetBuilder): readonly NftStatement[] {
  const statements: NftStatement[] = [];
  if (icmp !== undefined) {
    statements.push(equals("icmpType", Uint8Array.of(icmp.type)));
    if (icmp.code !== undefined) statements.push(equals("icmpCode", Uint8Array.of(icmp.code)));
  }
  if (notIcmp !== undefined) statements.push(icmpDiffers(notIcmp, sets));
  return statements;
}

/** "Not this type with this code" is one look-up of both. */
function icmpDiffers({ type, code }: IcmpMatch, sets: SetBuilder): NftStatement {
  if (code === undefined) return differs("icmpType", Uint8Array.of(type));
  const set = sets.add({
    name: `icmp-${type}-${code}`,
    key: ["icmpType", "icmpCode"],
    elements: [{ key: concatenate(Uint8Array.of(type), Uint8Array.of(code)) }],
  });
  return notInSet(["icmpType", "icmpCode"], set);
}

function renderAction({ action }: PolicyRule): readonly NftStatement[] {
  switch (action) {
    case "allow":
      return [ACCEPT];
    case "deny":
      return COUNTED_DROP;
    case "log":
      return [{ type: "log", prefix: LOG_PREFIX }];
    case "pass":
      return [RETURN];
    default:
      return unreachable(action);
  }
}
