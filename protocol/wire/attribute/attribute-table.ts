import { AGGREGATOR, AS4_AGGREGATOR } from "./aggregator.ts";
import { AIGP } from "./aigp.ts";
import { AS_PATH, AS4_PATH } from "./as-path.ts";
import { ATOMIC_AGGREGATE } from "./atomic-aggregate.ts";
import { unreadAttributeName } from "./attribute-code.ts";
import type { AttributeDefinition } from "./attribute-definition.ts";
import { CLUSTER_LIST } from "./cluster-list.ts";
import { COMMUNITIES } from "./communities.ts";
import { EXTENDED_COMMUNITIES, IPV6_EXTENDED_COMMUNITIES } from "./extended-communities.ts";
import { LARGE_COMMUNITIES } from "./large-communities.ts";
import { LOCAL_PREF } from "./local-pref.ts";
import { MP_REACH } from "./mp-reach.ts";
import { MP_UNREACH } from "./mp-unreach.ts";
import { MULTI_EXIT_DISC } from "./multi-exit-disc.ts";
import { NEXT_HOP } from "./next-hop.ts";
import { ONLY_TO_CUSTOMER } from "./only-to-customer.ts";
import { ORIGIN } from "./origin.ts";
import { ORIGINATOR_ID } from "./originator-id.ts";
import type { PathAttributeValue } from "./path-attribute.ts";

/** Every path attribute that tortie reads. To add one: a file with its definition, and a row here. */
export const ATTRIBUTE_TABLE: readonly AttributeDefinition[] = [
  ORIGIN,
  AS_PATH,
  NEXT_HOP,
  MULTI_EXIT_DISC,
  LOCAL_PREF,
  ATOMIC_AGGREGATE,
  AGGREGATOR,
  COMMUNITIES,
  ORIGINATOR_ID,
  CLUSTER_LIST,
  MP_REACH,
  MP_UNREACH,
  EXTENDED_COMMUNITIES,
  AS4_PATH,
  AS4_AGGREGATOR,
  IPV6_EXTENDED_COMMUNITIES,
  AIGP,
  LARGE_COMMUNITIES,
  ONLY_TO_CUSTOMER,
];

const BY_CODE: readonly (AttributeDefinition | undefined)[] = Array.from(
  { length: 256 },
  (_, code) => ATTRIBUTE_TABLE.find((row) => row.code === code),
);

const CODE_BY_TYPE: ReadonlyMap<string, number> = new Map(
  ATTRIBUTE_TABLE.map((row) => [row.type, row.code]),
);

/** The row of a type code; undefined for attributes that tortie does not know. */
export function attributeDefinition(code: number): AttributeDefinition | undefined {
  return BY_CODE[code];
}

/** The type code under which a value travels. */
export function attributeCode(value: PathAttributeValue): number {
  if (value.type === "unknown") return value.code;
  return CODE_BY_TYPE.get(value.type) as number;
}

/** The name of an attribute for people: "AS_PATH", "PMSI_TUNNEL", "ATTRIBUTE_200". */
export function attributeName(code: number): string {
  return BY_CODE[code]?.name ?? unreadAttributeName(code);
}
