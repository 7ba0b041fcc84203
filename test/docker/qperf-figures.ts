/** What qperf said of tcp_bw and tcp_lat, in octets a second and seconds. */
export type QperfFigures = {
  readonly bandwidth: number;
  readonly latency: number;
  readonly text: string;
};

/** Reads "bw  =  1.4 GB/sec" and "latency  =  13.4 us". */
export function readQperf(said: string): QperfFigures {
  const bandwidth = /bw\s+=\s+([\d.]+) (\w+)\/sec/.exec(said);
  const latency = /latency\s+=\s+([\d.]+) (\w+)/.exec(said);
  return {
    bandwidth: Number(bandwidth?.[1] ?? 0) * (OCTETS[bandwidth?.[2] ?? ""] ?? 0),
    latency: Number(latency?.[1] ?? 0) * (SECONDS[latency?.[2] ?? ""] ?? 0),
    text: `${bandwidth?.[1]} ${bandwidth?.[2]}/s, ${latency?.[1]} ${latency?.[2]}`,
  };
}

const OCTETS: { readonly [unit: string]: number } = { KB: 1e3, MB: 1e6, GB: 1e9 };
const SECONDS: { readonly [unit: string]: number } = { ns: 1e-9, us: 1e-6, ms: 1e-3, sec: 1 };
