import t from "tap";
import { IpAddress } from "../../protocol/types/ip-address.ts";
import { Prefix } from "../../protocol/types/prefix.ts";
import { type HostRules, rulesBeforeSync } from "../../src/dataplane/rules/render-tables.ts";
import type { FromRulesWorker, RulesStatus } from "../../src/dataplane/rules/rules-messages.ts";
import { RulesWorkerClient } from "../../src/dataplane/rules/rules-worker-client.ts";
import { warmThreadPool } from "../../src/kernel/native/network-namespace.ts";
import { until } from "./kernel-host.ts";
import { NftHost } from "./nft-host.ts";

await warmThreadPool();

/** The rules worker in a namespace, and what it says. */
class Worker {
  readonly client: RulesWorkerClient;
  readonly messages: FromRulesWorker[] = [];
  status: RulesStatus | undefined;

  constructor(host: NftHost) {
    this.client = new RulesWorkerClient({
      worker: { networkNamespace: `/run/netns/${host.name}`, interfacePrefixes: ["cali"] },
      onMessage: (message) => {
        this.messages.push(message);
        if (message.type === "status") this.status = message.status;
      },
      onCrash: (error) => {
        throw error;
      },
    });
  }

  async is(state: RulesStatus["state"]): Promise<RulesStatus> {
    await until(`rules are ${state}`, () => this.status?.state === state);
    return this.status as RulesStatus;
  }
}

const RULES: HostRules = {
  ...rulesBeforeSync(["cali"]),
  policy: {
    ...rulesBeforeSync(["cali"]).policy,
    endpoints: [{ name: "w", interface: "cali1", profiles: ["p"] }],
    profiles: [
      {
        name: "p",
        ingress: [{ action: "allow", source: { set: "s:x" }, destination: {} }],
        egress: [{ action: "allow", source: {}, destination: {} }],
      },
    ],
    sets: [{ id: "s:x", members: [Prefix("192.168.0.1/32")] }],
  },
};

t.test(
  "a boot shuts workloads' interfaces; rules of an earlier process stay until more is known",
  async (t) => {
    const host = new NftHost(t, "boot");
    const first = new Worker(host);
    await first.is("closed");
    t.match(host.run("nft list chain ip tortie forward-from"), /iifname "cali\*" counter .* drop/);
    t.match(
      host.run("nft list chain ip6 tortie workload-to-host"),
      /icmpv6 type @nd-and-mld accept/,
    );
    first.client.enforce(RULES, []);
    await first.is("in-force");
    const before = host.run("nft -s list ruleset");
    await first.client.stop({ cleanup: false });
    t.equal(host.run("nft -s list ruleset"), before, "they stay when the daemon goes");

    const second = new Worker(host);
    await second.is("kept");
    t.equal(host.run("nft -s list ruleset"), before, "the next one touches nothing");
    second.client.enforce(RULES, []);
    t.equal((await second.is("in-force")).applied, 0, "and has nothing to do when it knows");
    await second.client.stop({ cleanup: true });
    t.equal(host.run("nft list ruleset").trim(), "", "a cleanup leaves nothing");
  },
);

t.test("connections of an address that leaves are forgotten, and no others", async (t) => {
  const host = new NftHost(t, "conn");
  const worker = new Worker(host);
  t.teardown(() => worker.client.stop({ cleanup: false }));
  const addresses = ["192.168.0.1", "192.168.0.2", "fd00::1"].map(IpAddress);
  worker.client.enforce(RULES, addresses);
  await worker.is("in-force");
  for (const [source, destination] of [
    ["192.168.0.1", "10.0.0.1"],
    ["192.168.0.2", "10.0.0.1"],
    ["10.0.0.1", "192.168.0.1"],
    ["fd00::1", "fd00::2"],
  ]) {
    host.run(
      `conntrack -I -p udp -s ${source} -d ${destination} --sport 1 --dport 2 -t 600 -u SEEN_REPLY`,
    );
  }
  worker.client.enforce(RULES, [IpAddress("192.168.0.2")]);
  const left = () => `${host.run("conntrack -L")}${host.run("conntrack -L -f ipv6")}`;
  await until("they are forgotten", () => !left().includes("192.168.0.1"));
  t.match(left(), /src=192\.168\.0\.2 dst=10\.0\.0\.1/);
  t.notMatch(left(), /fd00::1/);
});

/** docker, firewalld and a table that drops by its policy, as far as forwarding goes. */
const OTHERS = `
table ip filter {
  chain DOCKER-USER { return; }
  chain FORWARD { type filter hook forward priority filter; policy drop; jump DOCKER-USER; }
}
table inet firewalld {
  chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept;
    ct state established,related accept
    iifname "lo" accept
    counter reject with icmpx admin-prohibited
  }
}
table inet harmless {
  chain forward { type filter hook forward priority 5; policy accept; tcp dport 25 drop; }
}
`;

t.test("exceptions in the forward chains of docker and firewalld, and in no other", async (t) => {
  const host = new NftHost(t, "others");
  host.run("nft -f -", OTHERS);
  const worker = new Worker(host);
  t.teardown(() => worker.client.stop({ cleanup: false }));
  worker.client.enforce(RULES, []);
  await until("others were looked at", () => (worker.status?.foreignForwards.length ?? 0) === 2);
  t.same(
    worker.status?.foreignForwards.map(({ chain, reason, remedy }) => [
      chain,
      reason,
      remedy.type === "accepted" ? remedy.in : remedy.reason,
    ]),
    [
      ["ip filter FORWARD", "policy drop", "ip filter DOCKER-USER"],
      ["inet firewalld filter_FORWARD", "rule 3 drops everything", "inet firewalld filter_FORWARD"],
    ],
  );
  const ours =
    /iifname "cali\*" counter packets 0 bytes 0 accept comment "tortie: workloads"\s+oifname "cali\*" counter packets 0 bytes 0 accept comment "tortie: workloads"/;
  t.match(host.run("nft list chain ip filter DOCKER-USER"), ours);
  t.match(host.run("nft list chain inet firewalld filter_FORWARD"), ours);
  t.notMatch(host.run("nft list chain ip filter FORWARD"), /cali/);
  t.notMatch(host.run("nft list table inet harmless"), /cali/);

  host.run("nft flush chain ip filter DOCKER-USER");
  await until("the exception is back", () =>
    ours.test(host.run("nft list chain ip filter DOCKER-USER")),
  );
  t.pass("a flushed DOCKER-USER gets them again");
  host.run("nft delete table inet firewalld");
  host.run("nft -f -", "add chain ip filter FORWARD { policy accept; }\n");
  await until(
    "nothing of ours is left",
    () => !host.run("nft list table ip filter").includes("cali"),
  );
  await until("nobody drops", () => worker.status?.foreignForwards.length === 0);
  t.pass("who drops no more needs no exception");
});
