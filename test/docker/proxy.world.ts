/*
 * The docker proxy in front of a real docker: everything that docker's client does passes, and nobody passes who may not use
 * docker anyway.
 */
import t, { type Test } from "tap";
import type { DockerHost } from "./docker-host.ts";
import { DockerPair, HOST1_IP } from "./docker-pair.ts";
import { Terminal } from "./terminal.ts";

const DOCKER = "docker -H localhost:2377";

t.test("docker's client through the proxy", async (t) => {
  const pair = await DockerPair.open("proxy", { hosts: 1 });
  t.teardown(() => pair.close());
  const host = pair.host(1);
  await pair.startEtcd();
  await pair.startNode(1);
  await host.run(`${DOCKER} run --name one -e CALICO_IP=auto -e CALICO_PROFILE=test -td qperf`);

  await t.test("streams: exec, attach, logs, events", async (t) => {
    const said = await host.run(`echo hello | ${DOCKER} exec -i one cat`);
    t.equal(said, "hello\n", "standard input ends, and what comes after is heard");
    t.equal((await host.try(`${DOCKER} exec one sh -c 'exit 5'`)).code, 5, "exit codes");
    t.equal(await host.run(`echo abc | ${DOCKER} run -i --rm qperf cat`), "abc\n", "attach");
    const terminal = new Terminal(
      host.command(["docker", "-H", "localhost:2377", "exec", "-it", "one", "/bin/bash"]),
    );
    t.teardown(() => terminal.close());
    terminal.type("tty; stty size");
    await terminal.expect(/\/dev\/pts\/\d+/);
    t.pass("exec -it has a terminal");
    await host.run(
      `${DOCKER} run --name talker -d qperf sh -c 'for i in 1 2 3; do echo line$i; sleep 0.2; done'`,
    );
    t.equal(await host.run(`${DOCKER} logs -f talker`), "line1\nline2\nline3\n", "logs -f");
    // Since now: the event is told whether docker's client or the removal is faster.
    const events = await host.run(
      [
        `timeout 60 ${DOCKER} events --since $(date +%s) --filter event=destroy --format '{{.Action}}' > /run/events & client=$!`,
        `${DOCKER} rm -f talker >&2`,
        "for try in $(seq 300); do grep destroy /run/events && break; sleep 0.1; done",
        "kill $client",
      ].join("\n"),
    );
    t.match(events, /destroy/, "events");
  });

  await t.test("builds, and large bodies both ways", async (t) => {
    const build = `printf 'FROM qperf\\nRUN echo built > /built\\n' | DOCKER_BUILDKIT=0 ${DOCKER} build --network none -t built -`;
    t.match(await host.run(build), /Successfully tagged built/);
    t.equal(await host.run(`${DOCKER} run --rm built cat /built`), "built\n");
    const loaded = await host.run(`${DOCKER} save qperf | ${DOCKER} load`);
    t.match(loaded, /Loaded image: qperf/);
    await host.run(
      `head -c 30000000 /dev/urandom > /run/large; ${DOCKER} cp /run/large one:/tmp/large`,
    );
    const [here, there] = (
      await host.run(`md5sum < /run/large; ${DOCKER} exec one md5sum /tmp/large`)
    ).split("\n");
    t.equal(there?.slice(0, 32), here?.slice(0, 32), "30 MB are the same on the other side");
    t.match(await host.try(`${DOCKER} run --rm nosuchimage:0`, { deadlineSeconds: 30 }), {
      code: 125,
    });
    t.match(await host.try(`${DOCKER} inspect nobody`), {
      code: 1,
      stderr: /No such object: nobody/,
    });
  });

  await t.test("CALICO_IP that cannot be had refuses the create, and leaves nothing", async (t) => {
    const first = (
      await host.run(`${DOCKER} inspect -f '{{.NetworkSettings.IPAddress}}' one`)
    ).trim();
    t.equal(first, "192.168.0.1");
    for (const [value, why] of [
      ["192.168.0.1", /CALICO_IP 192\.168\.0\.1 cannot be had: 192\.168\.0\.1 belongs to/],
      ["10.9.9.9", /CALICO_IP 10\.9\.9\.9 is in no pool \(pools: 192\.168\.0\.0\/16/],
      ["foo", /CALICO_IP "foo" is not an IP address/],
    ] as const) {
      const refused = await host.try(`${DOCKER} run --name never -e CALICO_IP=${value} -d qperf`);
      t.match(refused, { code: 125, stderr: why }, `CALICO_IP=${value}`);
    }
    t.match(await host.try(`${DOCKER} run --net host -e CALICO_IP=auto -d qperf`), {
      stderr: /cannot be used together with --network host/,
    });
    t.notMatch(await host.run("docker ps -a"), /never/, "no container was created");
    await host.run(
      `${DOCKER} run --name two -e CALICO_IP=192.168.3.3,fd80:24e2:f998:72d6::3 -td qperf`,
    );
    const two = await host.run(`${DOCKER} exec two ip addr show eth0`);
    t.match(
      two,
      /192\.168\.3\.3\/32[\s\S]*fd80:24e2:f998:72d6::3\/128/,
      "one address of each family",
    );
    await host.run("docker rm -f two");
  });

  await t.test("a container without CALICO_IP is left alone", async (t) => {
    await host.run(`${DOCKER} run --name plain -td qperf`);
    const mode = await host.run("docker inspect -f '{{.HostConfig.NetworkMode}}' plain");
    t.match(mode, /^(default|bridge)$/m);
    await host.run(`${DOCKER} rm -f plain`);
  });

  await t.test("who may use it", (t) => clients(t, host));
});

async function clients(t: Test, host: DockerHost): Promise<void> {
  const as = (uid: number) =>
    `setpriv --reuid=${uid} --regid=${uid} --clear-groups curl -s -m 30 http://localhost:2377/_ping`;
  t.match(await host.run(as(65_534)), /only root and members of group docker/, "nobody is refused");
  // The machine's user database is its own: a copy lies over the one of the test's machine.
  await host.run(
    [
      "cp /etc/passwd /run/passwd; cp /etc/group /run/group",
      "echo 'tt-member:x:60001:60001::/:/bin/sh' >> /run/passwd",
      "sed -i '/^docker:/d' /run/group; echo 'docker:x:60009:tt-member' >> /run/group",
      "mount --bind /run/passwd /etc/passwd; mount --bind /run/group /etc/group",
    ].join("; "),
  );
  t.equal(await host.run(as(60_001)), "OK", "a member of group docker is served");
  t.match(await host.run("ss -Hltn 'sport = :2377'"), /127\.0\.0\.1:2377[\s\S]*\[::1\]:2377/);
  t.equal((await host.run("ss -Hltn 'sport = :2377' | wc -l")).trim(), "2", "on loopback only");

  const pid = (await host.run("docker inspect -f '{{.State.Pid}}' one")).trim();
  const inside = (address: string) =>
    host.try(`nsenter -t ${pid} -n timeout 2 bash -c '</dev/tcp/${address}/2377'`);
  t.not((await inside(HOST1_IP)).code, 0, "a workload cannot reach it by the host's address");
  t.not((await inside("169.254.1.1")).code, 0, "nor by its gateway");
  // The host is made as careless as can be, and the workload sends packets for 127.0.0.1 out of its interface.
  await host.run("sysctl -qw net.ipv4.conf.all.route_localnet=1");
  await host.run(
    [
      `nsenter -t ${pid} -n sysctl -qw net.ipv4.conf.all.route_localnet=1`,
      `nsenter -t ${pid} -n ip addr del 127.0.0.1/8 dev lo`,
      `nsenter -t ${pid} -n ip route add 127.0.0.1 via 169.254.1.1 dev eth0`,
    ].join(" && "),
  );
  t.not((await inside("127.0.0.1")).code, 0, "nor by the host's own loopback address");
}
