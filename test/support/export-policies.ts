import type { Policy } from "../../protocol/policy/policy.ts";
import { Asn } from "../../protocol/types/asn.ts";
import { Community } from "../../protocol/types/community.ts";

/** Judges by what the attribute set holds, and changes it. */
export const BY_SET: Policy = {
  name: "by-set",
  rules: [
    { name: "tagged", match: { community: Community(1) }, action: "reject" },
    {
      name: "own",
      match: { source: "local" },
      action: "accept",
      operations: [{ type: "addCommunity", community: Community(77) }],
    },
    {
      name: "long",
      match: { asPathPrefix: [Asn(64512)] },
      action: "accept",
      operations: [{ type: "prependAsPath", asns: [Asn(64999), Asn(64998)] }],
    },
  ],
  otherwise: "accept",
};
