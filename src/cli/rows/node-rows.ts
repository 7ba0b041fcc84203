import type { Command } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";
import { LEGACY_NODE_ROW } from "./legacy-rows.ts";

/** Hosts and their daemons. */
export const NODE_ROWS: readonly Command[] = [
  {
    path: ["status"],
    summary: "Health of this host: sessions, routes, kernel, datastore, and what is wrong",
    options: [{ flags: "--check", description: "exit with 1 unless all is well" }],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "status", does: "one screen for this host" },
      { command: "status --check && echo well", does: "for scripts" },
    ],
    load: async () => (await import("../commands/status.ts")).status,
  },
  {
    path: ["events"],
    summary: "What happened lately",
    options: [
      { flags: "--peer <peer>", description: "name of the peer" },
      { flags: "--limit <number>", description: "most events to show", default: "50" },
    ],
    formats: OUTPUT_FORMATS,
    examples: [{ command: "events --peer tor-1", does: "the life of one session" }],
    load: async () => (await import("../commands/events.ts")).events,
  },
  LEGACY_NODE_ROW,
  {
    path: ["node", "stop"],
    summary:
      "Withdraws this host's routes, says goodbye to every peer, stops the daemon (root or group tortie)",
    options: [
      { flags: "--cleanup", description: "also remove routes from the kernel and restore sysctls" },
      {
        flags: "--message <text>",
        description: "told to the peers, RFC 9003 (at most 128 octets)",
      },
    ],
    examples: [
      { command: "node stop", does: "before this host goes out of service" },
      { command: "node stop --cleanup", does: "leave nothing behind" },
    ],
    load: async () => (await import("../commands/node-stop.ts")).nodeStop,
  },
];
