import type { Command } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";

/** Virtual machines, network cards and namespaces that no runtime brings. */
export const WORKLOAD_ROWS: readonly Command[] = [
  {
    path: ["workload", "add"],
    summary:
      "Connects a virtual machine's tap, a network card or a namespace (root or group tortie)",
    description:
      "The interface stays in this host's namespace and belongs to whoever made it; with --netns a veth pair is made, one end of it in that namespace. The workload's own side of a tap or card is set up by the workload: its address with /32 (/128), and 169.254.1.1 (fe80::1) as its gateway on the link.",
    arguments: [{ name: "name", description: "of the workload, on this host", required: true }],
    options: [
      {
        flags: "--interface <name>",
        description: "tap or card of this host; with --netns, the interface's name there (eth0)",
      },
      { flags: "--netns <path>", description: "a network namespace, /run/netns/NAME" },
      {
        flags: "--ip <addresses>",
        description: "auto, or addresses with commas between them",
        default: "auto",
      },
      {
        flags: "--profile <profiles>",
        description: "who may talk to it; with commas between them",
        default: "projectcalico-default-allow",
      },
      { flags: "--mac <address>", description: "of the workload's end" },
      { flags: "--mtu <octets>", description: "in place of the one that fits uplinks and pools" },
    ],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "workload add vm1 --interface tap0", does: "a virtual machine behind tap0" },
      {
        command: "workload add db --interface enp5s0 --ip 192.168.7.7 --profile db",
        does: "a machine of its own, wired to this host's second card",
      },
      { command: "workload add job --netns /run/netns/job", does: "a namespace made by hand" },
    ],
    load: async () => (await import("../commands/workload-add.ts")).workloadAdd,
  },
  {
    path: ["workload", "remove"],
    summary: "Disconnects it and gives its addresses back (root or group tortie)",
    arguments: [
      { name: "name", description: "as it was added", required: true, completes: "workload" },
    ],
    examples: [{ command: "workload remove vm1", does: "the tap itself stays" }],
    load: async () => (await import("../commands/workload-remove.ts")).workloadRemove,
  },
  {
    path: ["workload", "list"],
    summary: "This host's workloads, whoever runs them, and what is wrong with them",
    options: [{ flags: "--check", description: "exit with 1 unless all are well" }],
    formats: OUTPUT_FORMATS,
    examples: [{ command: "workload list --check && echo well", does: "for scripts" }],
    load: async () => (await import("../commands/workload-list.ts")).workloadList,
  },
];
