import type { SpeakerInput } from "../../protocol/speaker/speaker-io.ts";
import type { Instant } from "../../protocol/types/instant.ts";

/** Inputs kept. At most this many chunks of 64 KB stay reachable. */
const CAPACITY = 64;
/** Octets of one input that a crash file shows: the largest message without RFC 8654. */
const LONGEST_BYTES = 4096;

/** One input as a crash file has it. */
export type JournalLine = { readonly at: number; readonly input: object };

/**
 * The last inputs that the speaker was given, in order: with them a bug can be seen again. A configuration holds keys,
 * so only the fact that there was one is kept.
 */
export class InputJournal {
  readonly #inputs: { readonly at: Instant; readonly input: SpeakerInput }[] = [];
  #next = 0;

  record(at: Instant, input: SpeakerInput): void {
    this.#inputs[this.#next] = { at, input };
    this.#next = (this.#next + 1) % CAPACITY;
  }

  /** Oldest first. */
  lines(): JournalLine[] {
    const ordered = [...this.#inputs.slice(this.#next), ...this.#inputs.slice(0, this.#next)];
    return ordered.map(({ at, input }) => ({ at, input: withoutSecrets(input) }));
  }
}

function withoutSecrets(input: SpeakerInput): object {
  if (input.type === "configure") return { type: "configure", peers: input.config.peers.length };
  if (input.type === "originated") {
    return { type: "originated", routes: input.routes.length, complete: input.complete };
  }
  if (input.type !== "bytesReceived") return input;
  const shown = Buffer.from(input.bytes.subarray(0, LONGEST_BYTES)).toString("hex");
  return {
    type: "bytesReceived",
    connection: input.connection,
    length: input.bytes.length,
    bytes: shown,
  };
}
