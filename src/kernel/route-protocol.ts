/**
 * tortie's own route protocol number (rtm_protocol), by which a fresh process knows its routes: 116, ASCII "t". Nobody
 * uses it: 0 to 18, 42, 84, 99 and 186 to 192 stand in iproute2's rt_protos, 80 is Calico, 193 to 199 are FRR.
 */
export const TORTIE_ROUTE_PROTOCOL = 116;

const NAMES = new Map<number, string>([
  [0, "unspecified"],
  [1, "redirect"],
  [2, "kernel"],
  [3, "boot"],
  [4, "static"],
  [8, "gated"],
  [9, "ra"],
  [10, "mrt"],
  [11, "zebra"],
  [12, "bird"],
  [13, "dnrouted"],
  [14, "xorp"],
  [15, "ntk"],
  [16, "dhcp"],
  [17, "mrouted"],
  [18, "keepalived"],
  [42, "babel"],
  [80, "calico"],
  [84, "ovn"],
  [99, "openr"],
  [TORTIE_ROUTE_PROTOCOL, "tortie"],
  [186, "bgp"],
  [187, "isis"],
  [188, "ospf"],
  [189, "rip"],
  [190, "ripng"],
  [191, "nhrp"],
  [192, "eigrp"],
  [193, "ldp"],
  [194, "sharp"],
  [195, "pbr"],
  [196, "zebra-static"],
  [197, "openfabric"],
]);

/** "static" for 4; the number itself when nobody has named it. */
export function routeProtocolName(protocol: number): string {
  return NAMES.get(protocol) ?? `protocol ${protocol}`;
}
