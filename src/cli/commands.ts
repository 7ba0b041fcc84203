import type { Command } from "./command.ts";
import { BGP_ROWS } from "./rows/bgp-rows.ts";
import { IPAM_ROWS } from "./rows/ipam-rows.ts";
import { LEGACY_ROWS } from "./rows/legacy-rows.ts";
import { NODE_ROWS } from "./rows/node-rows.ts";
import { POLICY_ROWS } from "./rows/policy-rows.ts";
import { RESOURCE_ROWS } from "./rows/resource-rows.ts";
import { TOOL_ROWS } from "./rows/tool-rows.ts";
import { TUNNEL_ROWS } from "./rows/tunnel-rows.ts";
import { WORKLOAD_ROWS } from "./rows/workload-rows.ts";

/** Every command, in the order of the help. To add one, add a row in rows/; parser, help, completion and man page follow. */
export const COMMANDS: readonly Command[] = [
  ...NODE_ROWS,
  ...BGP_ROWS,
  ...RESOURCE_ROWS,
  ...IPAM_ROWS,
  ...WORKLOAD_ROWS,
  ...TUNNEL_ROWS,
  ...POLICY_ROWS,
  ...TOOL_ROWS,
  ...LEGACY_ROWS,
];
