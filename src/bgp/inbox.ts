import type { SpeakerInput } from "../../protocol/speaker/speaker-io.ts";

/**
 * Inputs that wait for the Speaker, in their order. Routes wait for what their next hops resolve to: such an answer
 * overtakes the octets of a full feed, nothing else.
 */
export class Inbox {
  #inputs: SpeakerInput[] = [];
  #read = 0;

  get length(): number {
    return this.#inputs.length - this.#read;
  }

  add(input: SpeakerInput): void {
    if (input.type === "nextHopChanged") this.#inputs.splice(this.#endOfOrder(), 0, input);
    else this.#inputs.push(input);
  }

  /** The first of them, which waits no more. */
  take(): SpeakerInput | undefined {
    const input = this.#inputs[this.#read++];
    if (this.#read < this.#inputs.length) return input;
    this.#inputs = [];
    this.#read = 0;
    return input;
  }

  /** The place after which only received octets wait. */
  #endOfOrder(): number {
    let end = this.#inputs.length;
    while (end > this.#read && this.#inputs[end - 1]?.type === "bytesReceived") end--;
    return end;
  }
}
