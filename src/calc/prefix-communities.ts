import {
  type Community,
  type LargeCommunity,
  parseCommunity,
  parseLargeCommunity,
} from "../../protocol/types/community.ts";
import { type Prefix, parsePrefix } from "../../protocol/types/prefix.ts";
import type { SpecOf } from "../resources/schemas.ts";
import type { Cluster } from "./cluster.ts";
import type { Value } from "./derive/derivation.ts";

/** What is announced inside `cidr` carries these. */
export type PrefixCommunities = {
  readonly cidr: Prefix;
  readonly communities: readonly (Community | LargeCommunity)[];
};

/** prefixAdvertisements of the node's own BGPConfiguration, if it has any, else of `default`. */
export function derivePrefixCommunities({
  derivation,
  resources,
  config,
  nodeName,
}: Cluster): Value<readonly PrefixCommunities[]> {
  return derivation.value("prefixAdvertisements", (read) => {
    const own = read.at(resources.BGPConfiguration, `node.${nodeName}`)?.spec;
    const general = read.value(config);
    const named = [...(general.communities ?? []), ...(own?.communities ?? [])];
    const chosen = own?.prefixAdvertisements?.length ? own : general;
    return (chosen.prefixAdvertisements ?? []).flatMap((each) => advertised(each, named));
  });
}

type Advertisement = NonNullable<SpecOf<"BGPConfiguration">["prefixAdvertisements"]>[number];
type Named = NonNullable<SpecOf<"BGPConfiguration">["communities"]>;

function advertised(
  { cidr, communities }: Advertisement,
  named: Named,
): readonly PrefixCommunities[] {
  const range = parsePrefix(cidr);
  if (range === undefined) return [];
  const values = new Map(named.map(({ name, value }) => [name, value]));
  const parsed = communities.flatMap((text) => communityOf(values.get(text) ?? text) ?? []);
  return [{ cidr: range, communities: parsed }];
}

/** A community, or a large one. */
export function communityOf(text: string | undefined): Community | LargeCommunity | undefined {
  return text === undefined ? undefined : (parseCommunity(text) ?? parseLargeCommunity(text));
}
