import type { CommandContext } from "../../command.ts";
import { ExitCode } from "../../exit-code.ts";

/** `restart-docker-with-alternative-unix-socket` and `-without-…`: docker keeps its own socket today. */
export async function dockerSocket(context: CommandContext): Promise<number> {
  context.stdout.write(
    "Nothing to do: docker keeps /var/run/docker.sock. To create containers with CALICO_IP,\n\n" +
      "export DOCKER_HOST=localhost:2377\n",
  );
  return ExitCode.done;
}
