import type { RouterId } from "../../types/router-id.ts";
import type { AttributeDefinition } from "./attribute-definition.ts";
import { OPTIONAL_NON_TRANSITIVE_FLAGS, WRONG_OPTIONAL } from "./attribute-definition.ts";
import { receivedIdentifier } from "./identifier.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

type ClusterListValue = Extract<PathAttributeValue, { type: "clusterList" }>;

/** CLUSTER_LIST: one or more of 4 octets, between internal peers only. RFC 4456 §8. */
export const CLUSTER_LIST: AttributeDefinition<ClusterListValue> = {
  code: 10,
  name: "CLUSTER_LIST",
  type: "clusterList",
  flags: OPTIONAL_NON_TRANSITIVE_FLAGS,
  malformed: "treat-as-withdraw",
  rule: "RFC 7606 §7.10",
  onlyFrom: { peer: "internal", rule: "RFC 7606 §7.10" },
  check(_bytes, start, end) {
    return end > start && (end - start) % 4 === 0 ? undefined : WRONG_OPTIONAL;
  },
  decode(bytes, start, end) {
    const clusterList: RouterId[] = [];
    for (let at = start; at < end; at += 4) clusterList.push(receivedIdentifier(bytes, at));
    return { type: "clusterList", clusterList };
  },
  encode(value, writer) {
    for (const cluster of value.clusterList) writer.putU32(cluster);
  },
};
