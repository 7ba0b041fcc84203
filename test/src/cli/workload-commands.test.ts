import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import t from "tap";
import { ApiServer } from "../../../src/api/api-server.ts";
import { fakeApiSource } from "../../support/fake-api-source.ts";
import { runCli } from "../../support/run-cli.ts";

t.test("workloads are added, listed and removed", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "tortie-workloads-"));
  const socket = join(folder, "api.sock");
  const server = await ApiServer.start({
    path: socket,
    source: fakeApiSource(),
    mayAct: () => true,
    onError: (error) => t.fail(error.message),
  });
  t.teardown(async () => {
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const tortie = (line: string) => runCli(line, { env: { TORTIE_SOCKET: socket } });
  t.match(await tortie("workload list"), { code: 0, stdout: "This host has no workloads.\n" });
  t.match(await tortie("workload add vm1 --interface tap0"), {
    code: 0,
    stdout: "192.168.0.1 behind tap0; gateway 169.254.1.1, MTU 1500\n",
  });
  const options = "--netns /run/netns/job --ip 192.168.7.7,fd80::7 --profile web,db -o json";
  const added = await tortie(`workload add job ${options}`);
  t.match(JSON.parse(added.stdout), {
    kind: "ConnectedWorkload",
    addresses: ["192.168.7.7", "fd80::7"],
    gateways: ["169.254.1.1", "fe80::1"],
  });
  const { code, stdout } = await tortie("workload list --check");
  t.equal(code, 0);
  t.match(stdout, /^WORKLOAD +BY +INTERFACE +ADDRESSES +STATE +PROFILES/);
  t.match(stdout, /\nvm1 +tortie +tap0 +192\.168\.0\.1 +ready +projectcalico-default-allow/);
  t.match(stdout, /\njob +tortie +cali\w+ +192\.168\.7\.7,fd80::7 +ready +web,db/);
  t.match(await tortie("workload remove vm1"), { code: 0, stdout: "vm1 is removed\n" });
  t.match(await tortie("workload remove vm1"), { code: 0, stdout: "there was no vm1\n" });
  for (const [line, expected, words] of [
    ["workload add vm1", 2, /say --interface NAME, or --netns PATH/],
    ["workload add vm1 --interface tap0 --ip 300.1.1.1", 2, /not an IP address: 300\.1\.1\.1/],
    ["workload add vm1 --interface far/../too", 2, /must be an interface name/],
    ["workload add vm1 --interface tap0 --mac 12", 2, /must be a MAC address/],
    ["workload add vm1 --netns run/netns/x", 2, /must be an absolute path/],
    ["workload add", 2, /missing required argument 'name'/],
  ] as const) {
    const refused = await tortie(line);
    t.equal(refused.code, expected, line);
    t.match(refused.stderr, words);
  }
});
