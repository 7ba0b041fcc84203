import { HEADER_OCTETS, MessageType } from "../wire/header.ts";

/** What went over the sessions of a peer since it was configured. */
export class PeerCounters {
  messagesReceived = 0;
  messagesSent = 0;
  updatesReceived = 0;
  updatesSent = 0;
  bytesReceived = 0;
  bytesSent = 0;
  establishedCount = 0;

  /** Counts the whole messages in a buffer that is about to be sent. */
  sent(buffer: Uint8Array): void {
    this.bytesSent += buffer.length;
    for (let at = 0; at + HEADER_OCTETS <= buffer.length; ) {
      this.messagesSent++;
      if (buffer[at + 18] === MessageType.update) this.updatesSent++;
      at += Math.max(
        HEADER_OCTETS,
        ((buffer[at + 16] as number) << 8) | (buffer[at + 17] as number),
      );
    }
  }
}
