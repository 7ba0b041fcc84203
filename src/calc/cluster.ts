import type { Asn } from "../../protocol/types/asn.ts";
import { DEFAULTS } from "../resources/defaults.ts";
import { asNumberOf } from "../resources/field.ts";
import { KINDS, type Kind } from "../resources/kinds.ts";
import type { ResourceOf, SpecOf } from "../resources/schemas.ts";
import type { Derivation, SourceTable, Table, Value } from "./derive/derivation.ts";
import { addressesOf, type NodeView, viewNode } from "./node-view.ts";

/** The cluster's resources as tables, and what several parts of calc need of them. Every part is a function of it. */
export type Cluster = {
  /** The node that this host is. */
  readonly nodeName: string;
  readonly derivation: Derivation;
  /** By name; those of a namespace by "namespace/name". */
  readonly resources: ResourceTables;
  /** BGPConfiguration default. */
  readonly config: Value<SpecOf<"BGPConfiguration">>;
  readonly globalAsn: Value<Asn>;
  /** Nodes that take part in BGP. */
  readonly nodes: Table<NodeView>;
  readonly self: Value<NodeView | undefined>;
  /** By address; several that claim one are a mistake, and the first by name has it. */
  readonly nodesByAddress: Table<readonly NodeView[]>;
};

export type ResourceTables = { readonly [K in Kind]: SourceTable<ResourceOf<K>> };

/** Declares the tables that every part of calc may read. */
export function deriveCluster(derivation: Derivation, nodeName: string): Cluster {
  const resources = resourceTables(derivation);
  const config = derivation.value(
    "BGPConfiguration default",
    (read) => read.at(resources.BGPConfiguration, "default")?.spec ?? {},
  );
  const inherited = derivation.value("what nodes inherit", (read) => {
    const { asNumber, listenPort } = read.value(config);
    const defaults = DEFAULTS.bgpConfiguration;
    return {
      globalAsn: asNumberOf(asNumber) ?? defaults.asNumber,
      listenPort: listenPort ?? defaults.listenPort,
    };
  });
  const nodes = derivation.table("nodes", resources.Node, (node, name, read) => {
    const own = read.at(resources.BGPConfiguration, `node.${name}`)?.spec;
    const { globalAsn, listenPort } = read.value(inherited);
    return viewNode(node, { globalAsn, listenPort: own?.listenPort ?? listenPort });
  });
  return {
    nodeName,
    derivation,
    resources,
    config,
    globalAsn: derivation.value("global AS", (read) => read.value(inherited).globalAsn),
    nodes,
    self: derivation.value("self", (read) => read.at(nodes, nodeName)),
    nodesByAddress: derivation.group("nodes by address", [nodes], (node) =>
      addressesOf(node).map((address) => [address, node] as const),
    ),
  };
}

function resourceTables(derivation: Derivation): ResourceTables {
  const tables = KINDS.map(({ kind }) => [kind, derivation.source(kind)] as const);
  return Object.fromEntries(tables) as unknown as ResourceTables;
}
