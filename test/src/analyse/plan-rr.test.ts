import { isDeepStrictEqual } from "node:util";
import t, { type Test } from "tap";
import { type PlanStep, planReflectors } from "../../../src/analyse/plan-rr.ts";
import { previewClusterChange } from "../../../src/analyse/preview-change.ts";
import { formatKey, keyOf } from "../../../src/resources/resource.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import { validateResource } from "../../../src/resources/validate.ts";
import { config, dual, nodeV4, peer, workload } from "../calc/calc-support.ts";

const MESH: readonly AnyResource[] = [
  config({ nodeMeshHoldTime: "30s", nodeMeshPassword: "key" }),
  nodeV4("a"),
  dual("b"),
  dual("c"),
  dual("d"),
  peer("tor", { node: "a", peerIP: "10.0.0.254", asNumber: 65001 }),
  workload("w", { ipNetworks: ["10.65.0.1"] }),
];

function after(
  cluster: readonly AnyResource[],
  { apply, remove }: PlanStep,
): readonly AnyResource[] {
  const keys = new Set([...apply, ...remove].map((each) => formatKey(keyOf(each))));
  return [...cluster.filter((each) => !keys.has(formatKey(keyOf(each)))), ...apply];
}

/** Goes through the steps; answers each step's title, what it ends, and how many sessions must be up before the next. */
function walk(t: Test, start: readonly AnyResource[], steps: readonly PlanStep[]) {
  let cluster = start;
  const told: string[] = [];
  for (const step of steps) {
    for (const each of step.apply) {
      t.equal(validateResource(each, { unknownFields: "error" }).ok, true, `${step.title}: valid`);
    }
    const next = after(cluster, step);
    const previews = previewClusterChange({ before: cluster, after: next });
    t.strictSame(
      previews.flatMap(({ reset }) => reset),
      [],
      `${step.title}: no session is reset`,
    );
    t.strictSame(
      previews.flatMap(({ withdrawn }) => withdrawn),
      [],
      step.title,
    );
    const ended = previews.flatMap(({ nodeName, removed }) =>
      removed.map(({ address }) => `${nodeName}-${address}`),
    );
    told.push(`${ended.length} end, ${step.waitFor.length} up`);
    cluster = next;
  }
  return { cluster, told };
}

t.test(
  "from the mesh to two route reflectors and back: no session is reset, none ends before others do its work",
  async (t) => {
    const there = planReflectors(MESH, { to: "reflectors", reflectors: ["c", "d"] });
    if (!there.ok) throw new Error(there.problems.join());
    const reflected = walk(t, MESH, there.steps);
    t.strictSame(reflected.told, ["0 end, 12 up", "0 end, 12 up", "2 end, 10 up"]);
    const back = planReflectors(reflected.cluster, { to: "mesh" });
    if (!back.ok) throw new Error(back.problems.join());
    const meshed = walk(t, reflected.cluster, back.steps);
    t.strictSame(meshed.told, ["0 end, 12 up", "0 end, 12 up", "0 end, 12 up"]);
    t.strictSame(previewClusterChange({ before: MESH, after: meshed.cluster }), [], "as it was");
  },
);

t.test("what cannot be planned is said", async (t) => {
  const problems = (cluster: readonly AnyResource[], reflectors: readonly string[]) => {
    const plan = planReflectors(cluster, { to: "reflectors", reflectors });
    return plan.ok ? plan.warnings : plan.problems;
  };
  t.strictSame(problems(MESH, []), ["name at least one node"]);
  t.strictSame(problems(MESH, ["z"]), ["there is no Node z"]);
  t.strictSame(problems(MESH, ["a"]), ["one route reflector is no redundancy: choose two"]);
  const off = [nodeV4("a"), nodeV4("b"), config({ nodeToNodeMeshEnabled: false })];
  t.strictSame(problems(off, ["a", "b"]), [
    "the mesh is off: there is nothing to go on in the meantime (--to-mesh is the way back)",
  ]);
});

t.test("wherever it was left, it is taken up again; at the end nothing is left", (t) => {
  const there = { to: "reflectors", reflectors: ["c", "d"] } as const;
  const requests = [there, { to: "mesh" }] as const;
  let cluster = MESH;
  for (const request of requests) {
    for (let taken = 0; taken < 4; taken++) {
      const plan = planReflectors(cluster, request);
      if (!plan.ok) throw new Error(plan.problems.join());
      const left = plan.steps.filter(({ apply, remove }) => {
        const now = new Map(cluster.map((each) => [formatKey(keyOf(each)), each]));
        const same = apply.every((each) =>
          isDeepStrictEqual(now.get(formatKey(keyOf(each))), each),
        );
        return !same || remove.some((each) => now.has(formatKey(keyOf(each))));
      });
      const [next] = left;
      t.equal(left.length, 3 - taken, `${request.to} after ${taken}: steps left`);
      if (next !== undefined) cluster = after(cluster, next);
    }
  }
  const labels = cluster.flatMap(({ metadata }) => Object.keys(metadata.labels ?? {}));
  t.notOk(labels.includes("route-reflector"), "no label is left behind");
  t.strictSame(previewClusterChange({ before: MESH, after: cluster }), [], "as it was");
  t.end();
});
