import { CaptureError, type Packet } from "./packet.ts";
import { isPcap, readPcap } from "./pcap.ts";
import { isPcapng, readPcapng } from "./pcapng.ts";

/**
 * Yields the packets of a pcap or pcapng file, whichever it is. A file that breaks off in the middle of a packet yields
 * what is whole and then throws CaptureError, so that the caller can show both.
 */
export function readCapture(octets: Uint8Array): Iterable<Packet> {
  // A subclass such as Node's Buffer has another slice(): it shares where Uint8Array copies.
  const file = new Uint8Array(octets.buffer, octets.byteOffset, octets.byteLength);
  if (isPcap(file)) return readPcap(file);
  if (isPcapng(file)) return readPcapng(file);
  throw new CaptureError("neither pcap nor pcapng: the first octets are no known magic number", 0);
}
