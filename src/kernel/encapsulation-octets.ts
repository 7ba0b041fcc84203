/** What each tunnel puts in front of a packet: an IPv4 header (RFC 2003), or Ethernet, IP, UDP and VXLAN headers (RFC 7348). */
export const ENCAPSULATION_OCTETS = { ipip: 20, vxlan: 50, vxlanV6: 70 } as const;
