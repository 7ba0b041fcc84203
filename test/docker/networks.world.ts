/*
 * Docker networks of our driver on two hosts, and a container that is connected without docker's knowledge.
 */
import t, { type Test } from "tap";
import { waitUntil } from "../../src/lab/wait-until.ts";
import { endpoints, reaches } from "./docker-checks.ts";
import { DockerPair } from "./docker-pair.ts";

const PROXY = "docker -H localhost:2377";

t.test("docker networks and containers by hand", async (t) => {
  const pair = await DockerPair.open("nets");
  t.teardown(() => pair.close());
  await pair.startEtcd();
  for (const number of [1, 2] as const) await pair.startNode(number);
  await t.test("docker network create -d tortie --ipam-driver tortie", (t) => networks(t, pair));
  await t.test("a container that calicoctl connects", (t) => byHand(t, pair));
});

async function networks(t: Test, pair: DockerPair): Promise<void> {
  const [one, two] = [pair.host(1), pair.host(2)];
  for (const host of [one, two]) {
    await host.run("docker network create -d tortie --ipam-driver tortie blue");
  }
  await one.run(
    "docker network create -d calico --ipam-driver calico --subnet 192.168.0.0/16 fixed",
  );
  await one.run(
    "docker run --name aa --network blue --label org.projectcalico.label.role=web -td qperf",
  );
  await two.run("docker run --name bb --network blue -td qperf");
  const address = (
    await one.run("docker inspect -f '{{.NetworkSettings.Networks.blue.IPAddress}}' aa")
  ).trim();
  await reaches(t, two, {
    address,
    from: "bb",
    why: "members of one network reach one another across hosts",
  });
  await one.run("docker run --name cc --network fixed --ip 192.168.7.7 -p 7001:80 -td qperf");
  const stranger = await one.try(`docker exec cc ping -c 1 -W 1 ${address}`);
  t.not(stranger.code, 0, "members of another network do not");
  await one.run("docker network connect blue cc");
  await waitUntil(
    "the second network works",
    async () => (await one.try(`docker exec cc ping -I eth1 -c 1 -W 1 ${address}`)).code === 0,
    { deadlineSeconds: 60, whenLate: () => pair.logs() },
  );
  t.pass("a container in two networks");
  const inside = await one.run("docker exec cc ip -4 addr");
  t.match(inside, /192\.168\.7\.7\/32[\s\S]*eth1/, "--ip is kept");
  t.match(await one.run(`${PROXY} port cc`), /80\/tcp -> 0\.0\.0\.0:7001/);
  await one.run("docker restart -t 0 aa");
  const again = await one.run(
    "docker inspect -f '{{.NetworkSettings.Networks.blue.IPAddress}}' aa",
  );
  t.equal(again.trim(), address, "a container has its address again after a restart");
  await one.run("docker network disconnect fixed cc");
  await reaches(t, one, {
    address,
    from: "cc",
    why: "a container that leaves its first network sends by the other",
  });
  t.match(await one.run("docker exec cc ip route"), /default via 169\.254\.1\.1 dev eth1/);
  const labels = await one.run(`${pair.cli} get wep -o yaml`);
  t.match(labels, /role: web/, "labels of the container are its endpoint's");
  for (const [line, why] of [
    ["docker network create -d tortie bad", /add --ipam-driver tortie/],
    [
      "docker network create -d tortie --ipam-driver tortie --subnet 10.5.0.0/16 bad",
      /10\.5\.0\.0\/16 is no pool \(pools: /,
    ],
    ["docker run --rm --network fixed --ip 10.9.9.9 qperf true", /10\.9\.9\.9/],
  ] as const) {
    t.match(await one.try(line), { stderr: why }, line);
  }
  await one.run("docker rm -f aa cc");
  await two.run("docker rm -f bb");
  t.notMatch(await endpoints(pair), /libnetwork/, "nothing is left");
}

async function byHand(t: Test, pair: DockerPair): Promise<void> {
  const one = pair.host(1);
  await one.run("docker run --name hand --network none -td qperf");
  t.match(
    await one.run(`${pair.cli} container add hand 192.168.6.6`),
    /IP 192\.168\.6\.6 added to hand/,
  );
  t.match(await one.run("docker exec hand ip addr show eth1"), /192\.168\.6\.6\/32/);
  await one.run(`${pair.cli} profile add hands; ${pair.cli} container hand profile append hands`);
  await one.run(`${pair.cli} container hand ip add 192.168.6.7`);
  t.match(
    await one.run("docker exec hand ip addr show eth1"),
    /192\.168\.6\.6[\s\S]*192\.168\.6\.7/,
  );
  await one.run(`${pair.cli} container hand ip remove 192.168.6.7`);
  const id = (await one.run(`${pair.cli} container hand endpoint-id show`)).trim();
  t.match(await one.run(`${pair.cli} endpoint ${id} profile show`), /hands/);
  await one.run("docker rm -f hand");
  await waitUntil(
    "its endpoint is gone",
    async () => !(await endpoints(pair)).includes("192.168.6.6"),
    {
      deadlineSeconds: 60,
      whenLate: () => pair.logs(),
    },
  );
  t.pass("and docker rm cleans up");
}
