import { NETLINK_PROTOCOL } from "../netlink/netlink-fd.ts";
import { NetlinkListener, type NetlinkListenerOptions } from "../netlink/netlink-listener.ts";
import { readAttributes, textAttribute } from "../netlink/netlink-reader.ts";
import {
  type ELEMENT_LIST_ATTRIBUTE,
  NFGEN_HEADER_OCTETS,
  NFNL_GROUP_NFTABLES,
  NFT_MESSAGE,
  TABLE_ATTRIBUTE,
} from "./nft-constants.ts";

/** Room for some 10,000 notifications; whoever changes more at once makes us look at everything. */
const BUFFER_OCTETS = 4 << 20;

export type NftablesMonitorOptions = Pick<NetlinkListenerOptions, "onError" | "onOverrun"> & {
  /** Sockets of ours, whose doings are no news. */
  readonly ignorePortIds: readonly number[];
  /** Somebody changed something in the table of this name. */
  readonly onChange: (table: string) => void;
};

/** Follows every change of nftables that others make, in the namespace it was made in. */
export class NftablesMonitor extends NetlinkListener {
  constructor({ onChange, ...options }: NftablesMonitorOptions) {
    super({
      ...options,
      protocol: NETLINK_PROTOCOL.netfilter,
      groups: [NFNL_GROUP_NFTABLES],
      receiveBufferOctets: BUFFER_OCTETS,
      onMessage: ({ type, payload }) => {
        if (type === NFT_MESSAGE.newGeneration || payload.length < NFGEN_HEADER_OCTETS) return;
        // Tables, chains, rules, sets and elements all name their table in attribute 1.
        const table = textAttribute(readAttributes(payload, NFGEN_HEADER_OCTETS), TABLE_NAME);
        if (table !== undefined) onChange(table);
      },
    });
  }
}

const TABLE_NAME = TABLE_ATTRIBUTE.name satisfies typeof ELEMENT_LIST_ATTRIBUTE.table;
