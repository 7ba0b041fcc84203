import type { DockerHost } from "./docker-host.ts";
import { type DockerPair, HOST1_IP, HOST2_IP } from "./docker-pair.ts";

/** Addresses of the two containers of the walkthrough over routes that somebody typed. */
export const PLAIN_SERVER = "10.99.1.1";
const PLAIN_CLIENT = "10.99.2.1";

/** Gives both containers a second interface, and the hosts the routes: the least that connects them at all. */
export async function connectPlainly(pair: DockerPair): Promise<void> {
  await connectOne(pair.host(1), {
    container: "qperf_server",
    own: PLAIN_SERVER,
    other: PLAIN_CLIENT,
    by: HOST2_IP,
  });
  await connectOne(pair.host(2), {
    container: "qperf_client",
    own: PLAIN_CLIENT,
    other: PLAIN_SERVER,
    by: HOST1_IP,
  });
}

async function connectOne(
  host: DockerHost,
  end: {
    readonly container: string;
    readonly own: string;
    readonly other: string;
    readonly by: string;
  },
): Promise<void> {
  const { container, own, other, by } = end;
  const pid = (await host.run(`docker inspect -f '{{.State.Pid}}' ${container}`)).trim();
  const inside = `nsenter -t ${pid} -n`;
  await host.run(
    [
      "set -e",
      `ip link add plain0 type veth peer name plain1 netns ${pid}`,
      "ip link set plain0 up",
      "ip addr add 10.99.0.1/32 dev plain0",
      `ip route add ${own}/32 dev plain0`,
      `ip route add ${other}/32 via ${by}`,
      `${inside} ip addr add ${own}/32 dev plain1`,
      `${inside} ip link set plain1 up`,
      `${inside} ip route add 10.99.0.1/32 dev plain1`,
      `${inside} ip route add ${other}/32 via 10.99.0.1 dev plain1 src ${own}`,
      "iptables -I FORWARD -i plain0 -j ACCEPT",
      "iptables -I FORWARD -o plain0 -j ACCEPT",
    ].join("\n"),
  );
}
