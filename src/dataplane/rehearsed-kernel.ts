import type { NetlinkChannel } from "../kernel/netlink/netlink-channel.ts";
import { MESSAGE } from "../kernel/netlink/netlink-constants.ts";

const HEADER_OCTETS = 16;
/** A header, "no error", and the header of the request. */
const ACK_OCTETS = 2 * HEADER_OCTETS + 4;

/** A kernel that takes everything for done: a rehearsal's requests reach nothing, by the way that real ones go. */
export class RehearsedKernel implements NetlinkChannel {
  readonly portId = 0;
  #messages = 0;
  #sequence = 0;

  /** How many messages a kernel would have got so far. */
  get messages(): number {
    return this.#messages;
  }

  send(bytes: Uint8Array, octets: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, octets);
    for (let at = 0; at < octets; at += Math.max(HEADER_OCTETS, view.getUint32(at, true))) {
      this.#sequence = view.getUint32(at + 8, true);
      this.#messages++;
    }
    return octets;
  }

  receive(into: Uint8Array): number {
    const view = new DataView(into.buffer, into.byteOffset, ACK_OCTETS);
    view.setUint32(0, ACK_OCTETS, true);
    view.setUint16(4, MESSAGE.error, true);
    view.setUint32(8, this.#sequence, true);
    view.setUint32(HEADER_OCTETS, 0, true);
    return ACK_OCTETS;
  }

  reserveSendBuffer(): void {}

  close(): void {}
}
