import type { Command } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";

/** Tunnels between nodes. */
export const TUNNEL_ROWS: readonly Command[] = [
  {
    path: ["tunnel", "show"],
    summary: "Tunnel devices of this host, the pools that use them, and who is at the other end",
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "tunnel show", does: "devices and pools" },
      { command: "tunnel show -o wide", does: "with every far end" },
    ],
    load: async () => (await import("../commands/tunnel-show.ts")).tunnelShow,
  },
  {
    path: ["tunnel", "test"],
    summary:
      "Tries what the way to each far end carries, and says what is wrong (root or group tortie)",
    arguments: [
      {
        name: "node",
        description: "only the way to this node",
        required: false,
        completes: "node",
      },
    ],
    options: [
      {
        flags: "--mtu",
        description: "find the largest packet that passes; the only test, and always done",
      },
    ],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "tunnel test --mtu", does: "one line a far end; exits with 1 if one is wrong" },
      { command: "tunnel test --mtu host2 -o json", does: "for programs" },
    ],
    load: async () => (await import("../commands/tunnel-test.ts")).tunnelTest,
  },
];
