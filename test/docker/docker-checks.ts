import type { Test } from "tap";
import { waitUntil } from "../../src/lab/wait-until.ts";
import type { DockerHost } from "./docker-host.ts";
import type { DockerPair } from "./docker-pair.ts";

/** Every endpoint, as `calicoctl endpoint show --detailed` prints them on the first host. */
export function endpoints(pair: DockerPair): Promise<string> {
  return pair.host(1).run(`${pair.cli} endpoint show --detailed`);
}

/** Waits until a container of the host reaches the address. */
export async function reaches(
  t: Test,
  host: DockerHost,
  {
    address,
    from = "peer",
    why = `${address} answers`,
  }: { readonly address: string; readonly from?: string; readonly why?: string },
): Promise<void> {
  let said = "";
  await waitUntil(
    `${from} reaches ${address} (${why})`,
    async () => {
      const ping = await host.try(`docker exec ${from} ping -c 1 -W 1 ${address}`);
      said = `${ping.stdout}${ping.stderr}`;
      return ping.code === 0;
    },
    {
      deadlineSeconds: 90,
      whenLate: async () =>
        [
          said,
          (await host.try("docker ps -a; ip route; nft list ruleset | grep -c cali")).stdout,
          host.logTail("tortied"),
          host.logTail("dockerd"),
        ].join("\n---\n"),
    },
  );
  t.pass(why);
}
