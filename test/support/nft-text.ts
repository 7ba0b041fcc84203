import type {
  NftChain,
  NftStatement,
  NftTable,
  NftVerdict,
} from "../../src/kernel/nftables/nft-table.ts";

/** The rules of a chain, one line each, nearly as `nft` prints them: for tests to read. */
export function chainText({ chains }: NftTable, name: string): readonly string[] {
  const chain = chains.find((one) => one.name === name);
  if (chain === undefined) throw new Error(`no chain ${name}`);
  return rulesText(chain);
}

export function rulesText({ rules }: NftChain): readonly string[] {
  return rules.map(({ statements }) => statements.map(statementText).join(" "));
}

/** The elements of a set: keys, ranges, and where they lead. */
export function setText({ sets }: NftTable, name: string): readonly string[] {
  const set = sets.find((one) => one.name === name);
  if (set === undefined) throw new Error(`no set ${name}`);
  return set.elements.map(({ key, last, data }) => {
    const range = last === undefined ? hex(key) : `${hex(key)}-${hex(last)}`;
    if (data === undefined) return range;
    return `${range} : ${data instanceof Uint8Array ? hex(data) : verdictText(data)}`;
  });
}

function statementText(statement: NftStatement): string {
  switch (statement.type) {
    case "compare":
      return `${statement.field} ${statement.operator} ${hex(statement.octets)}`;
    case "anyBit":
      return `${statement.field} & ${hex(statement.mask)}`;
    case "inSet":
      return `${statement.fields.join(".")} ${statement.negated ? "!= " : ""}@${statement.set}`;
    case "dispatch":
      return `${statement.fields.join(".")} vmap @${statement.map}`;
    case "verdict":
      return verdictText(statement.verdict);
    case "dnat":
      return `dnat ${statement.fields.join(".")} @${statement.map}`;
    case "masquerade":
      return ["masquerade", ...portsText(statement.ports)].join(" ");
    case "snat":
      return [`snat ${hex(statement.address)}`, ...portsText(statement.ports)].join(" ");
    case "log":
      return `log "${statement.prefix}"`;
    default:
      return statement.type;
  }
}

function verdictText(verdict: NftVerdict): string {
  return "chain" in verdict ? `${verdict.type} ${verdict.chain}` : verdict.type;
}

function portsText(ports: { readonly first: number; readonly last: number } | undefined): string[] {
  return ports === undefined ? [] : [`${ports.first}-${ports.last}`];
}

function hex(octets: Uint8Array): string {
  return Buffer.from(octets).toString("hex");
}
