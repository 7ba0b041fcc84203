import { exchange } from "../../../api/http-exchange.ts";
import { ExitCode } from "../../exit-code.ts";
import { CommandFailure } from "../../failure.ts";
import { notFound } from "./legacy-usage.ts";

/** What a command needs to know of a container. */
export type InspectedContainer = {
  readonly id: string;
  readonly name: string;
  /** 0 while it does not run. */
  readonly pid: number;
  /** What the docker front door calls its endpoint; undefined for containers that it did not create. */
  readonly token: string | undefined;
};

const DOCKER_SOCKET = "/var/run/docker.sock";
const MILLISECONDS = 10_000;
/** As the front door labels its containers. */
const TOKEN_LABEL = "org.tortie.endpoint";

/** Asks docker, past the proxy: root may, and the proxy may be off. */
export async function inspectContainer(name: string): Promise<InspectedContainer> {
  const path = `/containers/${encodeURIComponent(name)}/json`;
  const question = {
    socket: DOCKER_SOCKET,
    method: "GET",
    path,
    timeoutMilliseconds: MILLISECONDS,
  } as const;
  const answer = await exchange(question).catch((cause: Error) => {
    throw new CommandFailure(
      {
        what: `docker does not answer at ${DOCKER_SOCKET}`,
        why: cause.message,
        fix: "is it running, and are you root?",
        exitCode: ExitCode.unreachable,
      },
      { cause },
    );
  });
  if (answer.status !== 200) throw notFound(`there is no container ${name}`, "docker ps -a");
  const { Id, Name, State, Config } = JSON.parse(answer.body.toString("utf8"));
  return {
    id: String(Id),
    name: String(Name ?? name).replace(/^\//, ""),
    pid: Number(State?.Pid ?? 0),
    token: Config?.Labels?.[TOKEN_LABEL],
  };
}
