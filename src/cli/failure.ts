import type { ApiErrorDetail } from "../api/api-types.ts";
import { ApiRefusal, DaemonUnreachable } from "../api/client.ts";
import { ExitCode } from "./exit-code.ts";

export type FailureDetails = {
  readonly what: string;
  readonly why?: string | undefined;
  readonly fix?: string | undefined;
  readonly exitCode: number;
};

/** Ends a command: what happened, why, and what to do next. */
export class CommandFailure extends Error {
  readonly exitCode: number;
  readonly why: string | undefined;
  readonly fix: string | undefined;

  constructor(details: FailureDetails, options?: ErrorOptions) {
    super(details.what, options);
    this.name = "CommandFailure";
    this.exitCode = details.exitCode;
    this.why = details.why;
    this.fix = details.fix;
  }
}

/** Whatever was thrown, as a failure. A bug of ours keeps its stack. */
export function failureOf(error: unknown): CommandFailure {
  if (error instanceof CommandFailure) return error;
  if (error instanceof ApiRefusal) {
    const { what, cause, fix, code } = error.detail;
    return new CommandFailure({ what, why: cause, fix, exitCode: EXIT_OF_REFUSAL[code] });
  }
  if (error instanceof DaemonUnreachable) return unreachableFailure(error);
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return new CommandFailure({
    what: "tortie has a bug",
    why: stack,
    fix: "report it, with the line above",
    exitCode: ExitCode.failed,
  });
}

/** "error: …", "  cause: …", "  fix: …". */
export function formatFailure({ message, why, fix }: CommandFailure): string {
  const lines = [`error: ${message}`];
  if (why !== undefined) lines.push(`  cause: ${why}`);
  if (fix !== undefined) lines.push(`  fix: ${fix}`);
  return `${lines.join("\n")}\n`;
}

const EXIT_OF_REFUSAL: { readonly [code in ApiErrorDetail["code"]]: number } = {
  "bad-request": ExitCode.usage,
  "not-permitted": ExitCode.usage,
  "not-found": ExitCode.failed,
  "method-not-allowed": ExitCode.failed,
  "too-large": ExitCode.failed,
  internal: ExitCode.failed,
  conflict: ExitCode.conflict,
  exhausted: ExitCode.failed,
  kernel: ExitCode.failed,
  "not-ready": ExitCode.unreachable,
};

const REASONS: { readonly [code: string]: string } = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens there: the daemon was killed or has crashed",
  EACCES: "this user may not open it",
};

function unreachableFailure({ message, code }: DaemonUnreachable): CommandFailure {
  return new CommandFailure({
    what: message,
    why: REASONS[code] ?? code,
    fix: "start it with 'systemctl start tortied', or name its socket with --socket PATH",
    exitCode: ExitCode.unreachable,
  });
}
