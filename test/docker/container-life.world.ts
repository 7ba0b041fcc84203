/*
 * What the endpoint of a container survives: restarts of the container and of the daemon, a daemon that is away when the
 * container goes, and a reboot after which docker starts first.
 */
import t from "tap";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { endpoints, reaches } from "./docker-checks.ts";
import { DockerPair } from "./docker-pair.ts";

const PROXY = "docker -H localhost:2377";

t.test("the life of containers", async (t) => {
  const pair = await DockerPair.open("life", { hosts: 1 });
  t.teardown(() => pair.close());
  const one = pair.host(1);
  await pair.startEtcd();
  await pair.startNode(1);

  await t.test("restart, stop and start keep the address; rm releases it", async (t) => {
    await one.run(
      `${PROXY} run --name web -e CALICO_IP=192.168.5.5 -e CALICO_PROFILE=test --restart always -p 7000:7000 -td qperf`,
    );
    await one.run(
      `${PROXY} run --name peer --restart always -e CALICO_IP=auto -e CALICO_PROFILE=test -td qperf`,
    );
    await reaches(t, one, { address: "192.168.5.5" });
    await one.run("docker restart -t 0 web");
    await reaches(t, one, { address: "192.168.5.5", why: "after docker restart, past the proxy" });
    await one.run("docker stop -t 0 web");
    t.match(await endpoints(pair), /192\.168\.5\.5\/32.*inactive/, "its endpoint rests");
    const links = (await one.run("ip -br link")).match(/cali/g);
    t.equal(links?.length, 1, "without an interface: only the peer has one");
    const taken = await one.try(`${PROXY} run -e CALICO_IP=192.168.5.5 -d qperf`);
    t.not(taken.code, 0, "nobody else gets its address");
    await one.run("docker start web");
    await reaches(t, one, { address: "192.168.5.5", why: "after docker start" });
  });
  await t.test("a daemon that restarts finds its containers", async (t) => {
    await pair.startNode(1);
    t.match(await one.run(`${PROXY} port web`), /7000/, "published ports are known again");
    await reaches(t, one, { address: "192.168.5.5" });
  });
  await t.test("a container that dies while the daemon is away is cleaned up", async (t) => {
    await one.run(`${PROXY} run --name gone -e CALICO_IP=192.168.5.6 -td qperf`);
    const status = JSON.parse(
      await one.run("curl -s --unix-socket /run/tortie/tortie.sock http://tortie/v1/status"),
    );
    await one.run(`kill -KILL ${status.pid}`);
    // Docker waits for the driver for a while, which is why this takes some seconds.
    const removed = one.try("docker rm -f gone", { deadlineSeconds: 60 });
    await pair.startNode(1);
    await removed;
    await waitUntil(
      "its endpoint is gone",
      async () => !(await endpoints(pair)).includes("192.168.5.6"),
      {
        deadlineSeconds: 30,
        whenLate: () => pair.logs(),
      },
    );
    t.pass("endpoint and address are gone");
    await reaches(t, one, { address: "192.168.5.5", why: "the other one is as it was" });
  });
  await t.test("a reboot: docker starts first, and the daemon when it can", async (t) => {
    await one.reboot();
    await pair.startEtcd();
    const docker = one.startDocker();
    await pair.startNode(1);
    await docker;
    await waitUntil(
      "the container runs again",
      async () => (await one.run("docker inspect -f '{{.State.Running}}' web")).trim() === "true",
      { deadlineSeconds: 60, whenLate: () => `${pair.logs()}\n${one.logTail("dockerd")}` },
    );
    await reaches(t, one, { address: "192.168.5.5", why: "with the same address" });
    await one.run(`${PROXY} rm -f web`);
    t.notMatch(await endpoints(pair), /192\.168\.5\.5/, "docker rm releases it");
  });
});
