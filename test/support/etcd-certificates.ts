import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

/** Paths of PEM files. */
export type EtcdCertificates = {
  readonly ca: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly cert: string;
  readonly key: string;
};

/** Makes an authority, a server's certificate for loopback, and one for a client. */
export function makeCertificates(folder: string): EtcdCertificates {
  const path = (name: string) => join(folder, name);
  const newKey = "req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split(" ");
  const run = (args: readonly string[]) =>
    execFileSync("openssl", args, { stdio: ["ignore", "pipe", "pipe"] });
  const ca = path("ca.crt");
  const caKey = path("ca.key");
  run([...newKey, "-x509", "-keyout", caKey, "-out", ca, "-subj", "/CN=tortie-test", "-days", "2"]);
  writeFileSync(
    path("extensions"),
    "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n",
  );
  const issue = (name: string) => {
    const [key, request, cert] = [path(`${name}.key`), path(`${name}.csr`), path(`${name}.crt`)];
    run([...newKey, "-keyout", key, "-out", request, "-subj", `/CN=${name}`]);
    const signed = ["-CA", ca, "-CAkey", caKey, "-CAcreateserial", "-days", "2"];
    run(["x509", "-req", "-in", request, ...signed, "-out", cert, "-extfile", path("extensions")]);
    return { key, cert };
  };
  const server = issue("server");
  return { ca, serverCert: server.cert, serverKey: server.key, ...issue("client") };
}
