import { readFileSync } from "node:fs";
import { decodeCapture, recordJson, recordText } from "../../analyse/decode-capture.ts";
import type { CommandContext } from "../command.ts";
import { ExitCode } from "../exit-code.ts";
import { CommandFailure } from "../failure.ts";

/** `tortie decode FILE` */
export async function decode(context: CommandContext): Promise<number> {
  const [file = "-"] = context.arguments;
  const { stdout, stderr } = context;
  const asJson = context.options["format"] === "jsonl";
  const bytes = readCaptureFile(file);
  try {
    const summary = decodeCapture(bytes, (record) => {
      stdout.write(`${asJson ? JSON.stringify(recordJson(record)) : recordText(record)}\n`);
    });
    const { sessions, messages, errors, skippedOctets, damage } = summary;
    stderr.write(
      `${sessions} sessions, ${messages} messages, ${errors} malformed, ${skippedOctets} octets skipped\n`,
    );
    if (damage === undefined) return ExitCode.done;
    stderr.write(`The capture breaks off: ${damage}\n`);
    return ExitCode.partial;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== "CaptureError") throw error;
    throw notACapture(file, error);
  }
}

function notACapture(file: string, cause: Error): CommandFailure {
  return new CommandFailure(
    {
      what: `${file} is not a capture that tortie can read`,
      why: cause.message,
      fix: "give it a pcap or pcapng file, such as tcpdump -w writes",
      exitCode: ExitCode.invalidInput,
    },
    { cause },
  );
}

function readCaptureFile(file: string): Uint8Array {
  try {
    return readFileSync(file === "-" ? 0 : file);
  } catch (cause) {
    const why = (cause as Error).message;
    const fix = "name a capture that is there, or - for standard input";
    const details = { what: `cannot read ${file}`, why, fix, exitCode: ExitCode.failed };
    throw new CommandFailure(details, { cause });
  }
}
