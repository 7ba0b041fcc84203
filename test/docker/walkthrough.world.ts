/*
 * The walkthrough of 2015, typed from the README at two terminals, on two machines with docker as it comes: its iptables, and
 * its policy DROP on FORWARD. Then the same two containers over plain routes, to see what tortie costs.
 */
import t, { type Test } from "tap";
import { waitUntil } from "../../src/lab/wait-until.ts";
import type { DockerHost } from "./docker-host.ts";
import { CALICOCTL, DockerPair, HOST1_IP, HOST2_IP } from "./docker-pair.ts";
import { connectPlainly, PLAIN_SERVER } from "./plain-routes.ts";
import { readQperf } from "./qperf-figures.ts";
import { readTranscript } from "./readme-transcript.ts";
import { Terminal } from "./terminal.ts";

const HEADING = "Two docker hosts, as in 2015";

t.test("the README's walkthrough runs word for word on two hosts", async (t) => {
  const pair = await DockerPair.open("walk");
  const terminals = new Map<string, Terminal>();
  t.teardown(async () => {
    for (const terminal of terminals.values()) terminal.close();
    await pair.close();
  });
  for (const host of pair.hosts) {
    await host.run(
      `mkdir -p /run/walk/etcd /run/walk/home; ln -s $(command -v etcd) /run/walk/etcd/etcd; ln -s ${CALICOCTL} /run/walk/home/calicoctl`,
    );
    const forward = await host.run("iptables -S FORWARD");
    t.match(forward, /^-P FORWARD DROP$/m, `docker forbids forwarding on ${host.hostname}`);
    terminals.set(
      host.hostname,
      new Terminal(host.command(["env", "HOME=/run/walk/home", "bash", "--norc"])),
    );
  }

  const lines = readTranscript(HEADING, { Host1_IP: HOST1_IP, Host2_IP: HOST2_IP });
  t.equal(lines.length, 14, "the README has the whole walkthrough");
  let last = "";
  let measured = "";
  for (const typed of lines) {
    const terminal = terminals.get(typed.at === "host" ? typed.host : last);
    if (terminal === undefined) throw new Error(`nobody sits at ${last}`);
    if (typed.at === "container") {
      terminal.type(typed.line);
      // The server says nothing until somebody measures.
      if (/tcp_lat/.test(typed.line)) {
        await terminal.expect(/tcp_lat:\s+latency\s+=\s+[\d.]+ \w+/, 60);
        measured = terminal.shown();
      }
      continue;
    }
    last = typed.host;
    await terminal.run(typed.folder === "~" ? "cd" : `cd /run/walk/${typed.folder}`);
    if (/ -it /.test(typed.line)) {
      terminal.type(typed.line);
      terminal.type("tty");
      await terminal.expect(/\/dev\/(pts\/\d+|console)/);
      t.pass(`a terminal in a container: ${typed.line}`);
      continue;
    }
    const { code, text } = await terminal.run(typed.line);
    t.equal(code, 0, typed.line);
    checkSaid(t, typed.line, text);
    if (/^\.\/etcd/.test(typed.line)) await etcdAnswers(pair.host(1));
  }
  const figures = readQperf(measured);
  t.ok(figures.bandwidth > 0 && figures.latency > 0, "qperf measures");

  await t.test("what docker's users see", (t) => dockerShows(t, pair));
  await t.test("the same containers over plain routes", async (t) => {
    await connectPlainly(pair);
    const client = terminals.get("Host2");
    client?.type(`qperf -lp 4000 -ip 4002 ${PLAIN_SERVER} tcp_bw tcp_lat`);
    await client?.expect(/tcp_lat:\s+latency\s+=\s+[\d.]+ \w+/, 60);
    const plain = readQperf(client?.shown() ?? "");
    t.comment(`tortie: ${figures.text}; plain routes: ${plain.text}`);
    t.comment(
      `ratio tortie/plain: bandwidth ${(figures.bandwidth / plain.bandwidth).toFixed(2)}, latency ${(figures.latency / plain.latency).toFixed(2)}`,
    );
    t.ok(figures.bandwidth > plain.bandwidth / 4, "no worse than a quarter of the bandwidth");
  });
  await t.test("published ports", async (t) => {
    const said = await pair.host(2).run(`qperf -lp 4000 -ip 4002 -t 1 ${HOST1_IP} tcp_lat`);
    t.match(said, /latency/, "the other host reaches the container through the first host's ports");
  });
  await t.test("nothing is left", (t) => removed(t, pair));
});

/** Texts that scripts of 2015 looked for (the space after "Run" was there). */
function checkSaid(t: Test, line: string, said: string): void {
  if (/calicoctl node/.test(line)) {
    t.match(
      said,
      /Docker Remote API is on port 2377\. {2}Run \n\nexport DOCKER_HOST=localhost:2377\n\nbefore using `docker run` for Calico networking\.\n\nCalico node is running with id: [0-9a-f]{12}\n/,
      "calicoctl node says what it said",
    );
    const created = /There was no IPv4 pool: created 192\.168\.0\.0\/16/;
    if (said.includes(HOST1_IP)) t.match(said, created, "and that it made the default pool");
  }
  if (/profile add/.test(line)) t.match(said, /Created profile test\n/, "a profile was created");
}

async function etcdAnswers(host: DockerHost): Promise<void> {
  await waitUntil(
    "etcd answers",
    async () => (await host.try(`curl -s http://${HOST1_IP}:2379/health`)).stdout.includes("true"),
    { deadlineSeconds: 60 },
  );
}

async function dockerShows(t: Test, pair: DockerPair): Promise<void> {
  const [one, two] = [pair.host(1), pair.host(2)];
  const docker = "docker -H localhost:2377";
  const address = await one.run(
    `${docker} inspect -f '{{.NetworkSettings.IPAddress}}' qperf_server`,
  );
  t.equal(address.trim(), "192.168.0.1", "docker inspect shows the first address of the pool");
  const port = await one.run(`${docker} port qperf_server`);
  t.match(port, /4000\/tcp -> 0\.0\.0\.0:4000\n4002\/tcp -> 0\.0\.0\.0:4002/, "docker port");
  t.match(await one.run(`${docker} ps`), /0\.0\.0\.0:4000->4000\/tcp/, "docker ps");
  const inside = await one.run("docker exec qperf_server ip -4 addr show eth0");
  t.match(inside, /inet 192\.168\.0\.1\/32/, "the container has its address");
  await one.run("cd /run/walk/home; ETCD_AUTHORITY=10.200.0.1:2379 ./calicoctl profile add other");
  await two.run(
    `${docker} run --name stranger -e CALICO_IP=auto -e CALICO_PROFILE=other -td qperf`,
  );
  const stranger = await two.try("docker exec stranger ping -c 1 -W 1 192.168.0.1");
  t.not(stranger.code, 0, "a container of another profile does not reach it");
  const friend = await two.try("docker exec qperf_client ping -c 1 -W 5 192.168.0.1");
  t.equal(friend.code, 0, "one of the same profile does");
  await two.run(`${docker} rm -f stranger`);
}

async function removed(t: Test, pair: DockerPair): Promise<void> {
  for (const [host, name] of [
    [pair.host(1), "qperf_server"],
    [pair.host(2), "qperf_client"],
  ] as const) {
    await host.run(`docker -H localhost:2377 rm -f ${name}`);
    const links = await host.run("ip -br link");
    t.notMatch(links, /cali|ttd/, `no interface of ${name} is left`);
    await waitUntil(
      `the ports of ${name} are closed`,
      async () => !(await host.run("nft list ruleset")).includes("dport 4000"),
      { deadlineSeconds: 60 },
    );
  }
  const home = "cd /run/walk/home; ETCD_AUTHORITY=10.200.0.1:2379 ./calicoctl";
  const endpoints = await pair.host(1).run(`${home} endpoint show`);
  t.notMatch(endpoints, /host\d/, "no endpoint is left");
  const keys = await pair
    .host(1)
    .run(
      `ETCDCTL_API=3 etcdctl --endpoints ${HOST1_IP}:2379 get --prefix --keys-only /calico/ipam/v2/handle`,
    );
  t.equal(keys.trim(), "", "no address is left");
}
