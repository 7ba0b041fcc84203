import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import t from "tap";
import { stringify } from "yaml";
import { HONOURED } from "../../../src/resources/kind/felix-configuration.ts";
import { kindInfo } from "../../../src/resources/kinds.ts";
import { loadYaml } from "../../../src/resources/load-yaml.ts";
import { SCHEMAS } from "../../../src/resources/schemas.ts";
import { formatValidationError } from "../../../src/resources/validation-error.ts";
import { readJsonLines } from "../../support/fixture.ts";

const V3 = "projectcalico.org/v3";
const FIXTURES = "test/fixtures/resources";

/** A whole text, and its first problem without place and excerpt. */
const refusedEnvelopes = readJsonLines<[string, string]>(`${FIXTURES}/refused-envelopes.jsonl`);
/** Specs with every kind of value that fields take. null is absence. */
const accepted = readJsonLines<[string, object]>(`${FIXTURES}/accepted-fields.jsonl`);
/** Specs with one thing wrong, and what is said of it. */
const refused = readJsonLines<[string, object, string]>(`${FIXTURES}/refused-fields.jsonl`);

function problemsOf(text: string): string[] {
  const { errors } = loadYaml(text, { file: "f.yaml", unknownFields: "error" });
  return errors.map(formatValidationError);
}

t.test("what is wrong around the spec is said in exact words", async (t) => {
  for (const [text, expected] of refusedEnvelopes) {
    const { errors } = loadYaml(text, { file: "f.yaml", unknownFields: "error" });
    const [{ place, ...first } = { severity: "error", path: "", message: "nothing" }] = errors;
    t.ok(place, `${text} has a place`);
    t.equal(
      formatValidationError(first as never).replace(/^.*?(error|warning) {2}/, ""),
      expected,
      text,
    );
  }
});

/** The least that each kind needs. */
const LEAST: Readonly<Record<string, object>> = {
  Node: {},
  BGPConfiguration: {},
  BGPPeer: { peerIP: "10.0.0.1", asNumber: 65001 },
  BGPFilter: {},
  IPPool: { cidr: "10.0.0.0/16" },
  WorkloadEndpoint: { node: "host-1" },
  BlockAffinity: { node: "host-1", cidr: "10.0.0.0/26" },
  IPAMBlock: {
    cidr: "10.0.0.0/30",
    allocations: [null, null, null, null],
    unallocated: [0, 1, 2, 3],
    attributes: [{}],
  },
  IPAMHandle: { handleID: "h", block: { "10.0.0.0/26": 1 } },
  HostEndpoint: { node: "host-1", interfaceName: "eth0" },
  CalicoNodeStatus: { node: "host-1" },
};

const NAMES: Readonly<Record<string, string>> = {
  BlockAffinity: "host.10-0-0-0-26.host-1",
  IPAMBlock: "10-0-0-0-30",
  IPAMHandle: "k8s-pod-network.Some_ID",
};

function complaintsOf(kind: string, spec: object, name = NAMES[kind] ?? "default"): string[] {
  const namespace = kindInfo(kind)?.scope === "namespaced" ? { namespace: "ns" } : {};
  const value = {
    apiVersion: V3,
    kind,
    metadata: { name, ...namespace },
    spec: { ...LEAST[kind], ...spec },
  };
  return problemsOf(stringify(value, { lineWidth: 0 })).map((text) =>
    text
      .split("\n")
      .filter((line) => !/^ +\d* \|/.test(line))
      .join("\n")
      .replace(/^f\.yaml:\d+:\d+ {2}/, "")
      .replace(/^error {2}(spec\b\.?)?/, ""),
  );
}

/** Fields whose twin for the other family stands in the table, and one that only warns. */
const UNTRIED = new Set([
  "ipv6VXLANTunnelAddr",
  "vxlanTunnelMACAddrV6",
  "interfaces",
  "restartMode",
]);

/** That a field changes nothing is said of the kind, not of the value. */
const isOfFields = (complaint: string) => !/(in|by) this version/.test(complaint);

t.test("every field takes what Calico and our extensions allow", async (t) => {
  for (const [kind, spec] of accepted)
    t.strictSame(complaintsOf(kind, spec).filter(isOfFields), [], JSON.stringify(spec));
  const covered = (kind: string) =>
    new Set(accepted.filter(([each]) => each === kind).flatMap(([, spec]) => Object.keys(spec)));
  for (const [kind, { spec }] of Object.entries(SCHEMAS)) {
    const left = Object.keys(spec.shape).filter(
      (field) => !covered(kind).has(field) && !(field in (LEAST[kind] ?? {})),
    );
    t.strictSame(
      left.filter((field) => !UNTRIED.has(field)),
      [],
      `${kind}: every field is tried`,
    );
  }
});

t.test("every rule is broken once, and said in exact words", async (t) => {
  for (const [kind, spec, expected] of refused) {
    const said = complaintsOf(kind, spec).filter((each) => each === expected || isOfFields(each));
    t.strictSame(said, [expected], `${kind} ${JSON.stringify(spec)}`);
  }
});

t.test("fields that are accepted and change nothing are named in one warning", async (t) => {
  t.strictSame(complaintsOf("FelixConfiguration", { bpfEnabled: true, floatingIPs: "Enabled" }), [
    "warning  spec: bpfEnabled, floatingIPs are accepted, but have no effect in this version",
  ]);
  t.strictSame(complaintsOf("IPAMConfiguration", { kubeVirtVMAddressPersistence: "Disabled" }), [
    "warning  spec.kubeVirtVMAddressPersistence: is accepted, but has no effect in this version",
  ]);
  t.strictSame(complaintsOf("Tier", {}), [
    "warning  kind: is kept, but not enforced by this version: only profiles are",
  ]);
  t.strictSame(
    complaintsOf("NetworkPolicy", { types: ["Ingress"], egress: [{ action: "Allow" }] }),
    [
      "warning  kind: is kept, but not enforced by this version: only profiles are",
      "warning  spec.egress: has no effect: types does not name Egress\n  fix: add Egress to types",
    ],
  );
});

t.test("a setting of Felix is said to have an effect exactly if something reads it", async (t) => {
  const folders = ["calc", "workload"].map((name) =>
    join(import.meta.dirname, "../../../src", name),
  );
  const code = folders
    .flatMap((folder) =>
      readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name)),
    )
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(file, "utf8"))
    .join("\n");
  for (const field of Object.keys(SCHEMAS.FelixConfiguration.spec.shape)) {
    if (SAME_NAMES.has(field)) continue;
    t.equal(new RegExp(`\\b${field}\\b`).test(code), HONOURED.has(field), field);
  }
});

/** Settings that BGPConfiguration has as well. */
const SAME_NAMES = new Set([
  "programClusterRoutes",
  "ipv4NormalRoutePriority",
  "ipv6NormalRoutePriority",
]);

t.test("BGPConfiguration: names, and what a node may set for itself", async (t) => {
  t.strictSame(complaintsOf("BGPConfiguration", { listenPort: 1179 }, "node.host-1"), []);
  t.strictSame(complaintsOf("BGPConfiguration", { asNumber: 65001 }, "node.host-1"), [
    "asNumber: is honoured in BGPConfiguration default only\n  fix: move asNumber to the BGPConfiguration named default",
  ]);
  t.strictSame(complaintsOf("IPAMConfiguration", {}, "other"), [
    'metadata.name: "other" has no meaning\n  fix: name it "default"',
  ]);
  for (const name of ["", "a/b", "x".repeat(1025)]) {
    t.equal(complaintsOf("IPAMHandle", {}, name).length, 1, name);
  }
  t.strictSame(complaintsOf("BGPConfiguration", {}, "global"), [
    'metadata.name: "global" has no meaning\n  fix: name it "default" for the whole cluster, or "node.NAME" for one node',
  ]);
});
