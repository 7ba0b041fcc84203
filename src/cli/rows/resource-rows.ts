import type { Argument, Command, Option } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";

const KIND: Argument = {
  name: "kind",
  description: "node, bgppeer, bgpconfig, ippool, wep, …; any name that calicoctl knows",
  required: true,
  completes: "kind",
};
const NAME: Argument = {
  name: "name",
  description: "the object; one in a namespace may be written NAMESPACE/NAME",
  required: true,
  completes: "object",
};
const NAMESPACE: Option = {
  flags: "-n, --namespace <namespace>",
  description: "of kinds that have one (default: default)",
  completes: "namespace",
};
const FILE_OPTIONS: readonly Option[] = [
  {
    flags: "-f, --filename <file>",
    description: "YAML or JSON: a file, a directory, or - for standard input",
  },
  { flags: "-R, --recursive", description: "directories in directories, too" },
];
const WRITE_OPTIONS: readonly Option[] = [
  {
    flags: "--dry-run",
    description: "say what would be done and what the network would feel, and stop",
  },
  { flags: "--force", description: "write although resources will contradict each other" },
  { flags: "--no-preview", description: "do not compute what the network will feel" },
];
const CONFIRM: Option = {
  flags: "--confirm-within <time>",
  description: "undo it after this time (5m) unless 'confirm' is called: for what may cut you off",
};
const INPUT_OPTIONS: readonly Option[] = [
  ...FILE_OPTIONS,
  NAMESPACE,
  { flags: "--skip-empty", description: "a file without resources is no error" },
];

/** The cluster's resources, and where they are kept. */
export const RESOURCE_ROWS: readonly Command[] = [
  {
    path: ["get"],
    summary: "Resources: of the datastore that is named, or as the daemon has read them",
    arguments: [
      { ...KIND, required: false },
      { ...NAME, required: false, variadic: true },
    ],
    options: [
      ...FILE_OPTIONS,
      NAMESPACE,
      { flags: "-A, --all-namespaces", description: "with a column for the namespace" },
      {
        flags: "-l, --selector <selector>",
        description: "only these labels: rack=r1, or a selector of Calico",
      },
      { flags: "-w, --watch", description: "go on with each change, until interrupted" },
      { flags: "--export", description: "leave out what belongs to this one cluster" },
    ],
    datastore: true,
    formats: OUTPUT_FORMATS,
    examples: [
      { command: "get nodes -o wide", does: "hosts with their AS numbers and addresses" },
      { command: "get bgppeer tor-1 -o yaml", does: "one object, as it was written" },
      { command: "get nodes -o jsonpath='{.items[*].metadata.name}'", does: "only the names" },
      { command: "get ippools -w", does: "and each change as it comes" },
    ],
    load: async () => (await import("../commands/get.ts")).get,
  },
  {
    path: ["describe"],
    summary: "One resource, its sessions, and what happened to it lately",
    arguments: [KIND, NAME],
    options: [NAMESPACE],
    datastore: true,
    examples: [{ command: "describe bgppeer tor-1", does: "the peer and its sessions" }],
    load: async () => (await import("../commands/describe.ts")).describe,
  },
  {
    path: ["apply"],
    summary: "Creates what is new and changes what differs; says before which sessions it touches",
    options: [...INPUT_OPTIONS, ...WRITE_OPTIONS, CONFIRM],
    datastore: true,
    examples: [
      { command: "apply -f tor.yaml", does: "create what is new, change what differs" },
      { command: "apply -f cluster/ -R --dry-run", does: "what would happen" },
      { command: "apply -f tor.yaml --confirm-within 5m", does: "undone unless confirmed" },
    ],
    load: async () => (await import("../commands/resource-write.ts")).apply,
  },
  {
    path: ["create"],
    summary: "Creates resources; one that exists is an error",
    options: [
      ...INPUT_OPTIONS,
      { flags: "--skip-exists", description: "one that exists is passed over" },
      ...WRITE_OPTIONS,
      CONFIRM,
    ],
    datastore: true,
    examples: [{ command: "create -f pool.yaml", does: "a new pool" }],
    load: async () => (await import("../commands/resource-write.ts")).create,
  },
  {
    path: ["replace"],
    summary: "Changes resources; one that does not exist is an error",
    options: [...INPUT_OPTIONS, ...WRITE_OPTIONS, CONFIRM],
    datastore: true,
    examples: [{ command: "replace -f tor.yaml", does: "as the file says, whatever was there" }],
    load: async () => (await import("../commands/resource-write.ts")).replace,
  },
  {
    path: ["delete"],
    summary: "Deletes resources",
    arguments: [
      { ...KIND, required: false },
      { ...NAME, required: false, variadic: true },
    ],
    options: [
      ...INPUT_OPTIONS,
      { flags: "-s, --skip-not-exists", description: "one that is not there is no error" },
      ...WRITE_OPTIONS,
      CONFIRM,
    ],
    datastore: true,
    examples: [
      { command: "delete bgppeer tor-1", does: "end a peering" },
      { command: "delete -f tor.yaml", does: "all that the file names" },
    ],
    load: async () => (await import("../commands/resource-write.ts")).remove,
  },
  {
    path: ["patch"],
    summary: "Changes some fields of a resource",
    arguments: [KIND, NAME],
    options: [
      { flags: "-p, --patch <patch>", description: "the change, in JSON or YAML" },
      {
        flags: "-t, --type <type>",
        description: "merge: RFC 7396; json: RFC 6902; strategic is merge, lists are replaced",
        default: "strategic",
        choices: ["merge", "json", "strategic"],
      },
      NAMESPACE,
      ...WRITE_OPTIONS,
    ],
    datastore: true,
    examples: [
      { command: `patch ippool default -p '{"spec": {"disabled": true}}'`, does: "one field" },
    ],
    load: async () => (await import("../commands/resource-edit.ts")).patch,
  },
  {
    path: ["label"],
    summary: "Sets and removes labels of a resource",
    arguments: [
      KIND,
      NAME,
      {
        name: "label",
        description: "KEY=VALUE, or KEY- to remove",
        required: true,
        variadic: true,
      },
    ],
    options: [
      { flags: "--overwrite", description: "also where the label has another value" },
      { flags: "--remove", description: "remove the labels that are named" },
      NAMESPACE,
      ...WRITE_OPTIONS,
    ],
    datastore: true,
    examples: [
      { command: "label node host-1 rack=r1", does: "for selectors such as rack == 'r1'" },
      { command: "label node host-1 rack-", does: "take it away" },
    ],
    load: async () => (await import("../commands/resource-edit.ts")).label,
  },
  {
    path: ["annotate"],
    summary: "Sets and removes annotations of a resource",
    arguments: [
      KIND,
      NAME,
      {
        name: "annotation",
        description: "KEY=VALUE, or KEY- to remove",
        required: true,
        variadic: true,
      },
    ],
    options: [
      { flags: "--overwrite", description: "also where the annotation has another value" },
      { flags: "--remove", description: "remove the annotations that are named" },
      NAMESPACE,
      ...WRITE_OPTIONS,
    ],
    datastore: true,
    examples: [{ command: "annotate node host-1 owner=net-team", does: "a note" }],
    load: async () => (await import("../commands/resource-edit.ts")).annotate,
  },
  {
    path: ["edit"],
    summary: "Opens a resource in $EDITOR, and stores it when it is valid",
    arguments: [KIND, NAME],
    options: [NAMESPACE, ...WRITE_OPTIONS],
    datastore: true,
    examples: [{ command: "edit bgpconfig default", does: "opened again until it is right" }],
    load: async () => (await import("../commands/resource-edit.ts")).edit,
  },
  {
    path: ["diff"],
    summary:
      "What apply would change, and what the network would feel; exits with 1 where something differs",
    options: [...INPUT_OPTIONS],
    datastore: true,
    examples: [{ command: "diff -f cluster/ -R", does: "field by field" }],
    load: async () => (await import("../commands/diff.ts")).diff,
  },
  {
    path: ["validate"],
    summary: "Checks files without daemon or datastore; exits with 3 when something is wrong",
    arguments: [
      { name: "file", description: "files or directories", required: false, variadic: true },
    ],
    options: FILE_OPTIONS,
    examples: [{ command: "validate -f cluster/ -R", does: "before it is in force" }],
    load: async () => (await import("../commands/datastore-validate.ts")).validate,
  },
  {
    path: ["convert"],
    summary: "Rewrites Calico's v1 resources (2016-2017) as today's",
    options: FILE_OPTIONS,
    formats: ["yaml", "json"],
    examples: [{ command: "convert -f old.yaml > new.yaml", does: "check it with validate" }],
    load: async () => (await import("../commands/convert.ts")).convert,
  },
  {
    path: ["confirm"],
    summary: "Keeps a change that was made with --confirm-within",
    arguments: [{ name: "id", description: "where several changes wait", required: false }],
    examples: [{ command: "confirm", does: "I am still here" }],
    load: async () => (await import("../commands/confirm.ts")).confirm,
  },
  {
    path: ["rollback"],
    summary: "Undoes a change that was made with --confirm-within",
    arguments: [{ name: "id", description: "where several changes wait", required: false }],
    options: [
      { flags: "--wait", description: "not before its time is over, and only if nobody confirmed" },
    ],
    examples: [{ command: "rollback", does: "at once" }],
    load: async () => (await import("../commands/confirm.ts")).rollback,
  },
  {
    path: ["datastore", "confirm-loss"],
    summary: "Most of the cluster has vanished from the datastore, and that was meant: let it go",
    examples: [{ command: "datastore confirm-loss", does: "on every host, not on this one only" }],
    load: async () => (await import("../commands/confirm-loss.ts")).confirmLoss,
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
    load: async () => (await import("../commands/datastore-validate.ts")).validate,
  },
];
