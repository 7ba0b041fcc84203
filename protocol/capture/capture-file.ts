import { CaptureError, type Packet } from "./packet.ts";
import { isPcap, readPcap } from "./pcap.ts";
import { isPcapng, readPcapng } from "./pcapng.ts";

/**
 * Yields the packets of a pcap or pcapng file, whichever it is. A file that breaks off in the middle of a packet yields
 * what is whole and then throws CaptureError, so that the caller can show both.
 */
export function readCapture(file: Uint8Array): Iterable<Packet> {
  if (isPcap(file)) return readPcap(file);
  if (isPcapng(file)) return readPcapng(file);
  throw new CaptureError("neither pcap nor pcapng: the first octets are no known magic number", 0);
}
