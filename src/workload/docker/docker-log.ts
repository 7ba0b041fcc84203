/** Where the docker front door tells what happened: one line, a stable name, fields. */
export type DockerLog = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields?: { readonly [field: string]: unknown },
) => void;
