import t from "tap";
import { parseAgentConfig } from "../../../src/agent/load-agent-config.ts";
import { formatValidationError } from "../../../src/resources/validation-error.ts";

const GOOD = "nodeName: core-01\ndatastore: {type: directory, path: /etc/tortie/cluster}\n";

function errorsOf(text: string): string {
  const loaded = parseAgentConfig(text, "tortied.yaml");
  return loaded.ok ? "" : loaded.errors.map(formatValidationError).join("\n");
}

t.test("defaults stand in one place", (t) => {
  const loaded = parseAgentConfig(GOOD, "tortied.yaml");
  t.strictSame(loaded, {
    ok: true,
    config: {
      nodeName: "core-01",
      datastore: { type: "directory", path: "/etc/tortie/cluster" },
      apiSocket: "/run/tortie/tortie.sock",
      stateDirectory: "/var/lib/tortie",
      logLevel: "info",
      routeTable: 254,
      routeProtocol: 116,
      rehearsal: true,
    },
  });
  t.end();
});

t.test("addresses are canonical", (t) => {
  const loaded = parseAgentConfig(`${GOOD}listen: {port: 1179, addresses: ["FD00::01"]}\n`, "f");
  t.match(loaded, { ok: true, config: { listen: { port: 1179, addresses: ["fd00::1"] } } });
  t.end();
});

const etcd = (fields: string) => `nodeName: a\ndatastore: {type: etcd, ${fields}}\n`;

t.test("etcd: certificates and a login are files, and no password is ever shown", (t) => {
  const fields = "endpoints: ['https://10.0.0.1:2379'], caFile: /ca, username: u, passwordFile: /p";
  t.match(parseAgentConfig(etcd(fields), "f"), {
    ok: true,
    config: {
      datastore: {
        type: "etcd",
        endpoints: ["https://10.0.0.1:2379"],
        caFile: "/ca",
        username: "u",
        passwordFile: "/p",
      },
    },
  });
  const leaky = errorsOf(etcd("endpoints: ['https://u:canary@10.0.0.1:2379']"));
  t.match(leaky, /endpoints\[0\]: must not hold a user name or password/);
  t.notMatch(leaky, /canary/);
  t.end();
});

t.test("what is wrong is told with its place and what to do", (t) => {
  const rows: [string, RegExp][] = [
    ["", /nodeName: is missing[\s\S]*datastore: is missing/],
    [
      `${GOOD}logLevle: info\n`,
      /tortied.yaml:3:1 {2}error {2}unknown field logLevle; did you mean logLevel\?/,
    ],
    [
      `${GOOD}logLevel: loud\n`,
      /tortied.yaml:3:11 {2}error {2}logLevel: "loud": must be one of debug, info, warn, error/,
    ],
    [
      GOOD.replace("core-01", "Core_01"),
      /1:11 {2}error {2}nodeName: "Core_01": must be lower-case/,
    ],
    [
      `${GOOD}routeProtocol: 4\n`,
      /routeProtocol: 4: belongs to the kernel or to another routing program/,
    ],
    [`${GOOD}apiSocket: tortie.sock\n`, /apiSocket: "tortie.sock": must be an absolute path/],
    [`${GOOD}listen: {addresses: [10.0.0.300]}\n`, /listen.addresses\[0\]: .*not an IP address/],
    [`${GOOD}listen: {port: 0}\n`, /listen.port: 0: must be at least 1/],
    [`${GOOD}  bad: [\n`, /not YAML/],
    [etcd("endpoints: [10.0.0.1]"), /endpoints\[0\]: .*must be a URL such as https/],
    [etcd("endpoints: []"), /endpoints/],
    [etcd("endpoints: ['http://a:1', 'https://b:1']"), /must be all http or all https/],
    [etcd("endpoints: ['http://a:1'], caFile: /ca"), /must be https where certificates are given/],
    [etcd("endpoints: ['https://a:1'], certFile: /c"), /certFile: needs keyFile/],
    [etcd("endpoints: ['https://a:1'], keyFile: /c"), /keyFile: needs certFile/],
    [etcd("endpoints: ['https://a:1'], username: u"), /username: needs passwordFile/],
    [etcd("endpoints: ['https://a:1'], passwordFile: /p"), /passwordFile: needs username/],
  ];
  for (const [text, said] of rows) t.match(errorsOf(text), said);
  t.end();
});
