import t from "tap";
import { type ChangePreview, previewClusterChange } from "../../../src/analyse/preview-change.ts";
import type { AnyResource } from "../../../src/resources/schemas.ts";
import { affinity, config, filter, nodeV4, peer, pool, workload } from "../calc/calc-support.ts";

const BASE: readonly AnyResource[] = [
  nodeV4("a"),
  nodeV4("b"),
  peer("tor", { node: "a", peerIP: "10.0.0.254", asNumber: 65001 }),
  pool("p", "10.65.0.0/16"),
  affinity("a", "10.65.0.0/26"),
  workload("in-block", { ipNetworks: ["10.65.0.1"] }),
  workload("borrowed", { ipNetworks: ["10.65.9.1"] }),
];

/** Node by node, what happens: only the lists that are not empty, as short texts. */
function preview(change: (base: readonly AnyResource[]) => readonly AnyResource[]): object {
  const found = previewClusterChange({ before: BASE, after: change(BASE) });
  return Object.fromEntries(found.map((each) => [each.nodeName, summary(each)]));
}

function summary({ nodeName: _, ...lists }: ChangePreview): object {
  const short = Object.entries(lists).map(([what, list]) => [
    what,
    list.map((each) =>
      "peer" in each
        ? [each.peer, ...each.fields].join(" ")
        : [each.prefix, ...each.peers, ...(each.changed ? ["changed"] : [])].join(" "),
    ),
  ]);
  return Object.fromEntries(short.filter(([, list]) => list?.length));
}

const replaced = (...by: readonly AnyResource[]) => {
  const names = new Set(by.map(({ kind, metadata }) => `${kind}/${metadata.name}`));
  return (base: readonly AnyResource[]) => [
    ...base.filter(({ kind, metadata }) => !names.has(`${kind}/${metadata.name}`)),
    ...by,
  ];
};

const tor = (spec: object) =>
  peer("tor", { node: "a", peerIP: "10.0.0.254", asNumber: 65001, ...spec });

t.test(
  "what a change would do: sessions reset, refreshed, added, removed; prefixes withdrawn, announced",
  async (t) => {
    t.strictSame(
      preview((base) => base.toReversed()),
      {},
      "nothing",
    );
    t.strictSame(preview(replaced(tor({ holdTime: "30s" }))), {
      a: { reset: ["Node_10_0_0_254 holdTimeSeconds"] },
    });
    t.strictSame(preview(replaced(tor({ keepaliveTime: "5s" }))), {}, "keeps the session");
    const none = filter("none", { exportV4: [{ action: "Reject" }] });
    t.strictSame(preview(replaced(tor({ filters: ["none"] }), none)), {
      a: {
        refreshed: ["Node_10_0_0_254 importPolicy exportPolicy"],
        withdrawn: ["10.65.0.0/26 Node_10_0_0_254", "10.65.9.1/32 Node_10_0_0_254"],
      },
    });
    t.strictSame(preview(replaced(pool("p", "10.65.0.0/16", { disableBGPExport: true }))), {
      a: {
        refreshed: ["Mesh_10_0_0_2 exportPolicy", "Node_10_0_0_254 exportPolicy"],
        withdrawn: [
          "10.65.0.0/26 Mesh_10_0_0_2 Node_10_0_0_254",
          "10.65.9.1/32 Mesh_10_0_0_2 Node_10_0_0_254",
        ],
      },
      b: { refreshed: ["Mesh_10_0_0_1 exportPolicy"] },
    });
    const stamped = config({
      prefixAdvertisements: [{ cidr: "10.65.0.0/24", communities: ["65000:1"] }],
    });
    t.match(preview(replaced(stamped)), {
      a: { announced: ["10.65.0.0/26 Mesh_10_0_0_2 Node_10_0_0_254 changed"] },
    });
    t.strictSame(preview(replaced(workload("new", { ipNetworks: ["10.65.8.1"] }))), {
      a: { announced: ["10.65.8.1/32 Mesh_10_0_0_2 Node_10_0_0_254"] },
    });
    t.match(preview(replaced(nodeV4("c"))), {
      a: { added: ["Mesh_10_0_0_3"] },
      b: { added: ["Mesh_10_0_0_3"] },
    });
    t.strictSame(
      preview((base) => base.filter(({ kind }) => kind !== "BGPPeer")),
      {
        a: { removed: ["Node_10_0_0_254"] },
      },
    );
    const taken = peer("all", { peerSelector: "all()" });
    t.strictSame(
      preview(replaced(taken)),
      {},
      "a BGPPeer takes a mesh peer over, with its session",
    );
    t.match(preview(replaced(nodeV4("a", { asNumber: 65009 }))), {
      a: { reset: [/^Mesh_10_0_0_2 localAsn/, /^Node_10_0_0_254 localAsn/] },
      b: { reset: ["Mesh_10_0_0_1 peerAsn"] },
    });
  },
);
