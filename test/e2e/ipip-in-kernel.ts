/**
 * The part of ipip.world.ts that runs inside a kernel that has IP-in-IP: one line a step, "ok …" or an error that ends it.
 */
import { CrossedSubnets } from "../support/crossed-subnets.ts";

const TUNNEL = /via 10\.97\.\d\.\d dev tunl0 .*onlink/;
const DIRECT = /via 10\.97\.1\.\d dev eth0/;

function check(what: string, holds: boolean): void {
  if (!holds) throw new Error(`not so: ${what}`);
  console.log(`ok ${what}`);
}

const subnets = await CrossedSubnets.open("cross", { tunnel: "ipip", patience: 6 });
try {
  await subnets.start("Always");
  for (const [from, to] of [
    [1, 2],
    [2, 1],
    [1, 3],
    [3, 1],
  ] as const) {
    await subnets.routed(from, to, "ipv4", TUNNEL);
  }
  console.log("ok Always: every route goes through tunl0, once the far ends are ready");

  const streams = [await subnets.pings(1, 2, "ipv4"), await subnets.pings(1, 3, "ipv4")];
  subnets.setMode("CrossSubnet");
  await subnets.routed(1, 2, "ipv4", DIRECT);
  await subnets.routed(2, 1, "ipv4", DIRECT);
  check(
    "CrossSubnet: the host in the other subnet is still reached by tunl0",
    TUNNEL.test(await subnets.route(1, 3, "ipv4")),
  );
  subnets.setMode("Always");
  await subnets.routed(1, 2, "ipv4", TUNNEL);
  await subnets.routed(2, 1, "ipv4", TUNNEL);
  for (const stream of streams) {
    const { sent, lost } = await stream.stop();
    check(
      `${stream.title}: none of ${sent} pings lost while the mode changed twice`,
      lost.length === 0,
    );
  }

  const link = await subnets.lab.run("host1", ["ip", "-d", "addr", "show", "tunl0"]);
  check("MTU of tunl0 is Ethernet's less 20", /mtu 1480/.test(link));
  check("tunl0 has the address that the Node bears", /inet 192\.168\.\d+\.\d+\/32/.test(link));
  check("a packet of 1480 octets passes in one piece", await subnets.passes(1, 3, 1480));
  check("one of 1481 does not", !(await subnets.passes(1, 3, 1481)));

  await subnets.cleanUp(1);
  const left = await subnets.lab.run("host1", ["ip", "-o", "addr", "show", "tunl0"]);
  check("a cleanup leaves tunl0 bare", left.trim() === "");
  check("and no route", !(await subnets.lab.run("host1", ["ip", "route"])).includes("192.168"));
} catch (error) {
  console.error(error);
  process.exitCode = 1;
}
// The kernel ends with this process, and everything in it.
process.exit();
