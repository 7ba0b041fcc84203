import type { Command, Option } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";

/** The cluster's resources, and where they are kept. */
export const RESOURCE_ROWS: readonly Command[] = [
  {
    path: ["get"],
    summary: "Resources, as the daemon has read them",
    arguments: [
      { name: "kind", description: "node, bgppeer, bgpconfig, ippool, wep, …", required: true },
      { name: "name", description: "one object", required: false },
    ],
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "get nodes -o wide", does: "hosts with their AS numbers and addresses" },
      { command: "get bgppeer tor-1 -o yaml", does: "one object, as it was written" },
    ],
    load: async () => (await import("../commands/get.ts")).get,
  },
  {
    path: ["apply"],
    summary: "Creates or changes resources in the directory datastore",
    options: [fileOption()],
    datastore: true,
    examples: [{ command: "apply -f tor.yaml", does: "create what is new, change what differs" }],
    load: async () => (await import("../commands/datastore-write.ts")).apply,
  },
  {
    path: ["create"],
    summary: "Creates resources; one that exists is an error",
    options: [fileOption()],
    datastore: true,
    examples: [{ command: "create -f pool.yaml", does: "a new pool" }],
    load: async () => (await import("../commands/datastore-write.ts")).create,
  },
  {
    path: ["delete"],
    summary: "Deletes a resource",
    arguments: [
      { name: "kind", description: "node, bgppeer, bgpconfig, ippool, wep, …", required: true },
      {
        name: "name",
        description: "the object; a workload endpoint as NAMESPACE/NAME",
        required: true,
      },
    ],
    datastore: true,
    examples: [{ command: "delete bgppeer tor-1", does: "end a peering" }],
    load: async () => (await import("../commands/datastore-write.ts")).remove,
  },
  {
    path: ["datastore", "validate"],
    summary: "Checks YAML files without a daemon; exits with 3 when something is wrong",
    arguments: [
      {
        name: "file",
        description: "files or directories; - is standard input",
        required: true,
        variadic: true,
      },
    ],
    examples: [
      { command: "datastore validate /etc/tortie/cluster", does: "before it is in force" },
    ],
    load: async () => (await import("../commands/datastore-validate.ts")).datastoreValidate,
  },
];

function fileOption(): Option {
  return { flags: "-f, --file <file>", description: "YAML or JSON; - is standard input" };
}
