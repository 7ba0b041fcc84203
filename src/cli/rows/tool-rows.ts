import type { Command } from "../command.ts";
import { OUTPUT_FORMATS } from "../output.ts";

/** What needs no daemon. */
export const TOOL_ROWS: readonly Command[] = [
  {
    path: ["decode"],
    summary: "BGP messages of a packet capture (pcap, pcapng), one line each",
    arguments: [{ name: "file", description: "the capture; - is standard input", required: true }],
    options: [
      {
        flags: "--format <format>",
        description: "text or jsonl",
        default: "text",
        choices: ["text", "jsonl"],
      },
    ],
    examples: [
      { command: "decode bgp.pcap", does: "the conversation, message by message" },
      { command: "decode bgp.pcap --format jsonl | jq .", does: "for programs" },
    ],
    load: async () => (await import("../commands/decode.ts")).decode,
  },
  {
    path: ["completion"],
    summary: "A completion script for your shell",
    arguments: [
      {
        name: "shell",
        description: "bash, zsh or fish",
        required: true,
        completes: ["bash", "zsh", "fish"],
      },
    ],
    examples: [
      { command: "completion bash > /etc/bash_completion.d/tortie", does: "for bash" },
      { command: "completion fish > ~/.config/fish/completions/tortie.fish", does: "for fish" },
    ],
    load: async () => (await import("../commands/completion.ts")).completion,
  },
  {
    path: ["version"],
    summary: "Version of this program and of the daemon",
    formats: OUTPUT_FORMATS,
    examples: [{ command: "version", does: "both, where a daemon runs" }],
    load: async () => (await import("../commands/version.ts")).versionCommand,
  },
];
